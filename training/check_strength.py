"""How long a control vector the built-in model bears: what ``steering.compose.LONGEST`` rests on.

``python -m training.check_strength`` lengthens four values' vectors, in lengths of the one at
intensity 10, and prints the share of sentences that are still whole, of replies that come to an
end, and the mean measured intensity.
"""

import random

import numpy as np

from chat_app.chat.studio import Studio
from chat_app.llm.engine import Sampling, Turn
from chat_app.settings import settings
from chat_app.steering.compose import DEFAULT_SCALE
from training.check_replies import dissect, patterns
from training.dialogues import Composer

LENGTHS = (1, 1.5, 2, 2.5, 3, 4)
VALUES = ("svt/benevolence", "svt/power", "duty/gratitude", "right/social_rights")


def main() -> None:
    studio, known = Studio(settings().model_copy(update={"model": "builtin"})), patterns()
    composer = Composer(random.Random(3), [], dev=True)
    asked = [composer.question()[0] for _ in range(24)]
    for length in LENGTHS:
        whole, ended, measured = [], [], []
        for value in VALUES:
            vector = (length * DEFAULT_SCALE * studio.directions[value]).buffer()
            for seed, question in enumerate(asked):
                sampling = Sampling(temperature=0.7, seed=seed, max_tokens=120)
                reply = studio.engine.reply([Turn("user", question)], sampling, vector=vector)
                whole += [match is not None for match in dissect(reply.text, known)]
                ended.append(reply.finish == "stop")
                measured.append(studio.evaluator.score([reply.text], value)[0].intensity)
        print(
            f"length {length:g}: sentences whole {np.mean(whole):.0%}, replies ended "
            f"{np.mean(ended):.0%}, intensity {np.mean(measured):+.1f}"
        )


if __name__ == "__main__":
    main()

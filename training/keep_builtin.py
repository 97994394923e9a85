"""Make ``models/kept`` again: ``python -m training.keep_builtin``, after a built-in model or VIDB
has changed.

What a first reply would otherwise wait for, half a minute on two cores: the chat model's hidden
states on VIDB's texts, and these texts' embeddings by both encoders.
"""

import shutil

from chat_app.hives.encoder import load_encoder
from chat_app.hives.encoder_files import BUILT_IN
from chat_app.hives.space import build_space
from chat_app.llm.model import ChatModel
from chat_app.llm.sources import resolve_model
from chat_app.settings import SHIPPED
from chat_app.steering.bank import build_bank
from chat_app.vidb.loading import load_vidb


def main() -> None:
    shutil.rmtree(SHIPPED, ignore_errors=True)
    vidb = load_vidb()
    build_bank(ChatModel.load(resolve_model("builtin")), vidb, SHIPPED)
    for encoder in BUILT_IN:
        build_space(load_encoder(encoder), vidb, SHIPPED)
    for path in sorted(SHIPPED.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

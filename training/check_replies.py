"""How good are the built-in model's replies? Held-out topics and phrasings, sampled replies.

``python -m training.check_replies --n 200`` prints, for calm, prompted and steered-free replies,
the share that is complete, that is made of whole sentences of the corpus, and that repeats the
asked topic word for word wherever a sentence names it; ``--read 50`` prints replies to be read.
"""

import argparse
import random
import re
from collections import Counter

from chat_app.llm.engine import Engine, Sampling, Turn
from chat_app.llm.hub import resolve_model
from chat_app.llm.model import ChatModel
from chat_app.steering.prompts import intensity_prompt
from training.dialogues import Composer, read_corpus
from training.phrasings import CALM_FOLLOW
from training.train_chat import read_vidb


def patterns() -> list[re.Pattern[str]]:
    """One pattern a part; a slot becomes a group."""
    out = []
    for part in read_corpus("parts.jsonl"):
        text = part["text"]
        text = text[0].upper() + text[1:]
        if text.startswith("{do"):
            text = text.replace("{doing}", "{Doing}").replace("{do}", "{Do}")
        escaped = re.escape(text)
        out.append(re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", escaped)))
    return out


def dissect(reply: str, known: list[re.Pattern[str]]) -> list[re.Match[str] | None]:
    """Each sentence's part, or None where it is none of the corpus'."""
    sentences = [s for s in re.split(r"(?<=[.!?])\s+", reply) if s not in CALM_FOLLOW]
    out: list[re.Match[str] | None] = []
    while sentences:
        for length in (3, 2, 1):  # some parts hold two sentences
            text = " ".join(sentences[:length])
            match = next((m for p in known if (m := p.fullmatch(text))), None)
            if match:
                break
        out.append(match)
        del sentences[:length]
    return out


def repeats(text: str) -> bool:
    """Whether four words in a row come twice."""
    words = text.lower().split()
    return max(Counter(zip(*(words[i:] for i in range(4)), strict=False)).values(), default=0) > 1


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--model", default="builtin")
    ap.add_argument("--n", type=int, default=200)
    ap.add_argument("--read", type=int, default=0)
    ap.add_argument("--threads", type=int, default=None)
    args = ap.parse_args()
    composer = Composer(random.Random(23), read_vidb(), dev=True)
    engine = Engine(ChatModel.load(resolve_model(args.model)), n_ctx=1024, n_threads=args.threads)
    known = patterns()
    count: Counter[str] = Counter()
    for i in range(args.n):
        asked, do, doing = composer.question()
        targets = composer.targets() if i % 2 else {}
        system = [Turn("system", intensity_prompt(targets))] if targets else []
        reply = engine.reply(
            [*system, Turn("user", asked)], Sampling(temperature=0.7, seed=i, max_tokens=160)
        )
        found = dissect(reply.text, known)
        named = [m.groupdict() for m in found if m and m.groupdict()]
        slots = [(k.lower(), v.lower()) for g in named for k, v in g.items()]
        exact = [v == (do if k == "do" else doing).lower() for k, v in slots]
        complete = reply.finish == "stop" and reply.text.rstrip().endswith((".", "!", "?"))
        whole = all(found)
        count.update(
            complete=complete, whole=whole, names=bool(slots), exact=bool(slots) and all(exact),
            good=complete and whole and all(exact), repeats=repeats(reply.text),
            slots=len(slots), copied=sum(exact),
        )  # fmt: skip
        if i < args.read:
            print(f"{targets or 'calm'}\n  Q {asked}\n  A {reply.text}  [{'ok' if whole and all(exact) else 'look'}]")
    n = args.n
    print(
        f"of {n} replies to held-out questions: complete {count['complete'] / n:.1%}, every sentence "
        f"whole {count['whole'] / n:.1%}, all of it with the topic word for word {count['good'] / n:.1%}, "
        f"names the topic {count['names'] / n:.1%}; topic copied exactly in "
        f"{count['copied']} of {count['slots']} slots; repeats four words {count['repeats'] / n:.1%}"
    )


if __name__ == "__main__":
    main()

"""How good are the built-in model's replies? Held-out topics and phrasings, sampled replies.

``python -m training.check_replies --n 200`` prints, for calm and prompted replies together,
the share that is complete, that is made of whole sentences of the corpus, and that repeats the
asked topic word for word wherever a sentence names it; ``--read 50`` prints replies to be read.
"""

import argparse
import random
import re
from collections import Counter

from chat_app.llm.engine import Engine, Reply, Sampling, Turn
from chat_app.llm.model import ChatModel
from chat_app.llm.sources import resolve_model
from chat_app.settings import settings
from chat_app.steering.prompts import intensity_prompt
from training.dialogues import Composer, read_corpus
from training.phrasings import CALM_FOLLOW, GENERIC_DO, GENERIC_DOING
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


def examine(reply: Reply, do: str, doing: str, known: list[re.Pattern[str]]) -> dict[str, int]:
    """What holds of one reply to a question about ``do`` / ``doing``."""
    found = dissect(reply.text, known)
    slots = [(k.lower(), v.lower()) for m in found if m for k, v in m.groupdict().items()]
    vague = {"do": GENERIC_DO, "doing": GENERIC_DOING}  # "do it" where no topic was named
    asked = {"do": do, "doing": doing}
    exact = [v == asked[k].lower() or (asked[k] in vague[k] and v in vague[k]) for k, v in slots]
    complete = reply.finish == "stop" and reply.text.rstrip().endswith((".", "!", "?"))
    bare = re.sub(f"{re.escape(doing)}|{re.escape(do)}", "_", reply.text, flags=re.IGNORECASE)
    return {
        "complete": complete,
        "whole": all(found),
        "good": complete and all(found) and all(exact),
        "names": bool(slots),
        "repeats": repeats(bare),
        "slots": len(slots),
        "copied": sum(exact),
    }


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--model", default="builtin")
    ap.add_argument("--n", type=int, default=200)
    ap.add_argument("--read", type=int, default=0)
    ap.add_argument("--temperature", type=float, default=settings().temperature)
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
        sampling = Sampling(temperature=args.temperature, seed=i, max_tokens=160)
        reply = engine.reply([*system, Turn("user", asked)], sampling)
        found = examine(reply, do, doing, known)
        count.update(found)
        if i < args.read:
            print(f"{targets or 'calm'}\n  Q {asked}\n  A {reply.text}")
            print(f"    [{'ok' if found['good'] else 'look'}]")
    share = {k: f"{count[k] / args.n:.1%}" for k in count}
    print(
        f"of {args.n} replies to held-out questions: complete {share['complete']}, every sentence "
        f"whole {share['whole']}, all of it and the topic word for word {share['good']}, names the "
        f"topic {share['names']}; topic copied exactly in {count['copied']} of {count['slots']} "
        f"slots; repeats four words (the topic aside) {share['repeats']}"
    )


if __name__ == "__main__":
    main()

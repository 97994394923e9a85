"""A short list of models to begin with, for people who know none: ``curated.json``."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("curated.json")


@dataclass(frozen=True)
class CuratedModel:
    """``source`` names it to ``valueflow models pull``; ``says``: one plain sentence on what it is
    good for; ``size``: bytes to fetch and ``memory``: bytes while it runs with 4,096 tokens, both
    about; ``licence`` as Hugging Face calls it; ``about``: its maker's page; ``first_choice``: the
    one to recommend to somebody with an ordinary laptop."""

    source: str
    name: str
    says: str
    parameters: str
    size: int
    memory: int
    licence: str
    maker: str
    about: str
    first_choice: bool = False


@cache
def curated_models() -> tuple[CuratedModel, ...]:
    """The list, smallest first. What it says was not measured here (docs/models.md)."""
    rows = json.loads(_FILE.read_text(encoding="utf-8"))["models"]
    return tuple(sorted((CuratedModel(**row) for row in rows), key=lambda each: each.size))

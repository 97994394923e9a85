"""Grammars in llama.cpp's own notation (GBNF): which tokens may come next, and how far we are.

``root ::= "yes" | "no"`` is one. The notation: grammars/README.md of llama.cpp.
"""

import ctypes
import os
import re
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import llama_cpp.llama_cpp as lib
import numpy as np

from chat_app.errors import ValueflowError
from chat_app.llm import bindings

if TYPE_CHECKING:
    from chat_app.llm.model import ChatModel

# llama_token_data, so that numpy can sort out what llama.cpp has marked
CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])

_LONGEST = 16_384  # characters, each of which may be repeated 2,000 times
_DEEPEST = 100  # brackets in brackets: llama.cpp's parser calls itself for each, on the C stack
# Texts, sets and comments, in which a bracket is none.
_NOT_BRACKETS = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\r\n]*', re.DOTALL)
_REPETITION = re.compile(r"\{\s*(\d+)\s*,\s*(\d+)\s*\}")
_SAID = b"error parsing grammar: "

_parsing = threading.Lock()  # one at a time: where llama.cpp says what is wrong is global


class GrammarError(ValueflowError):
    """A grammar that llama.cpp cannot follow."""


class Grammar:
    """A grammar and the place in it that a reply has come to."""

    def __init__(self, text: str, model: "ChatModel") -> None:
        """Raises :class:`GrammarError` where ``text`` is no grammar with a rule "root"."""
        _check(text)
        self._first, self._alone = model.first_bytes, model.single_bytes
        self._sampler = _parse(text, model)
        self._close = weakref.finalize(self, lib.llama_sampler_free, self._sampler)

    def allowed(self, ids: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Those of the tokens ``ids`` that may come next, as :data:`CANDIDATE` with ``logits``.

        What ends a reply may come only where the grammar is complete.
        """
        candidates = np.zeros(len(ids), CANDIDATE)
        candidates["id"], candidates["logit"] = ids, logits
        array = candidate_array(candidates)
        lib.llama_sampler_apply(self._sampler, ctypes.byref(array))
        found: np.ndarray = candidates[candidates["logit"] > -np.inf]
        return found

    def imaginable(self) -> np.ndarray:
        """The tokens whose first byte may come next: no other may.

        For each byte there is a token of its own as a rule, so a few tokens speak for all.
        """
        first, alone = self._first, self._alone
        may = np.ones(257, dtype=bool)  # the last place is for tokens that begin with no byte
        may[first[alone]] = False
        may[first[self.allowed(alone, np.zeros(len(alone)))["id"]]] = True
        return np.flatnonzero(may[first])

    def accept(self, token: int) -> None:
        """Go past ``token``, one that was allowed: any other would end the program."""
        lib.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        self._close()


def candidate_array(candidates: np.ndarray) -> "lib.llama_token_data_array":
    """``candidates`` (contiguous) as llama.cpp's samplers take them; they write into it."""
    data = candidates.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))
    return lib.llama_token_data_array(data, len(candidates), -1, False)


def _check(text: str) -> None:
    """Refuse what llama.cpp's parser would not survive or would read only in part."""
    if not text.strip():
        raise GrammarError("The grammar is empty.")
    if len(text) > _LONGEST:
        raise GrammarError(f"The grammar has {len(text):,} characters; {_LONGEST:,} are allowed.")
    if re.search("[\0\ud800-\udfff]", text):
        raise GrammarError("The grammar holds a character that is none: NUL or half a pair.")
    bare = _NOT_BRACKETS.sub(" ", text)
    if "<" in bare or "!" in bare:  # where such a token may come, llama.cpp trips over others
        raise GrammarError("The grammar names a token (<...>); write the text itself, in quotes.")
    for least, most in _REPETITION.findall(bare):
        if int(least) > int(most):  # llama.cpp's parser would never return
            raise GrammarError(f"The grammar repeats something {least} to {most} times.")
    depth = deepest = 0
    for bracket in re.findall(r"[()]", bare):
        depth += 1 if bracket == "(" else -1
        deepest = max(deepest, depth)
    if deepest > _DEEPEST:
        raise GrammarError(f"The grammar nests {deepest} brackets; {_DEEPEST} are allowed.")


def _parse(text: str, model: "ChatModel") -> Any:
    source = text.encode("utf-8")
    with _parsing:
        bindings.clear_recent_log()
        with _error_output() as said:
            sampler = lib.llama_sampler_init_grammar(model.vocab, source, b"root")
        log = bindings.recent_log()
    before, printed, after = bytes(said).partition(_SAID)
    cause, _, others = after.partition(b"\n\n" + source + b"\n")
    if rest := before.rpartition(b"\n")[0] + others if printed else before:
        os.write(2, rest)  # what other threads had to say meanwhile
    if not sampler:
        raise GrammarError(f"The grammar cannot be used: {_reason(cause, log)}.")
    return sampler


def _reason(cause: bytes, log: str) -> str:
    if cause:
        what, at, where = cause.decode("utf-8", errors="replace").partition(" at ")
        shown = " ".join(where.split())[:40]
        return f'{what}{at}"{shown}"' if shown else f"{what} at its end" if at else what
    if "does not contain" in log:
        return 'it has no rule "root", with which it would begin'
    if "left recursion" in log:
        return "a rule begins with itself (left recursion); put what is repeated last"
    return "llama.cpp does not say why"


@contextmanager
def _error_output() -> Iterator[bytearray]:
    """What is written to the process's standard error in the meantime, instead of there.

    llama.cpp prints a grammar's mistake there, past its log.
    """
    said = bytearray()
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield said
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            said += file.read()

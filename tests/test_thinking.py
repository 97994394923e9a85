"""A reply and the thought before it are told apart, however the text arrives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.llm.thinking import Said, opening, told_apart

# Pieces out of which tags, broken tags and doubled tags come about.
PIECES = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "/", "think", ">", "<thi", "nk>", " ", "\n", "é"]),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", Said(None, "")),
        ("Yes.", Said(None, "Yes.")),
        ("  Yes. \n", Said(None, "  Yes. \n")),
        ("<think>\nHm.\n</think>\n\nYes.", Said("Hm.", "Yes.")),
        ("\n<think>Hm.</think>Yes.", Said("Hm.", "Yes.")),
        ("<think>\n\n</think>\n\nYes.", Said(None, "Yes.")),
        ("<think>\nHm", Said("Hm", "", thinking=True)),
        ("<think>", Said(None, "", thinking=True)),
        ("<think>Hm.</think>", Said("Hm.", "")),
        ("The tag <think> opens it, </think> ends it.",) * 2,
        ("<think>a</think>b <think>c</think>", Said("a", "b <think>c</think>")),
    ],
)
def test_parts(text: str, said: Said | str) -> None:
    assert told_apart(text) == (Said(None, said) if isinstance(said, str) else said)


@given(PIECES, st.data())
def test_any_chunking_tells_the_same_apart_and_takes_nothing_back(
    text: str, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    seen = Said(None, "")
    for end in [*cuts, len(text)]:
        said = told_apart(text[:end], growing=True)
        assert (said.thought or "").startswith(seen.thought or "")
        assert said.reply.startswith(seen.reply)
        assert not (seen.reply and said.thinking)
        seen = said
    whole = told_apart(text)
    assert (whole.thought or "").startswith(seen.thought or "")
    assert whole.reply.startswith(seen.reply)


@given(PIECES, PIECES)
def test_the_words_of_both_parts_are_all_there_is(thought: str, reply: str) -> None:
    said = told_apart(f"<think>{thought}</think>{reply}")
    inner, _, rest = thought.partition("</think>")
    assert said.thought == (inner.strip() or None)
    assert said.reply == (f"{rest}</think>{reply}" if "</think>" in thought else reply).lstrip()


@pytest.mark.parametrize(
    ("prompt", "tag"),
    [
        ("assistant\n", ""),
        ("assistant\n<think>\n", "<think>\n"),
        ("assistant<think>", "<think>"),
        ("assistant\n<think>\n\n</think>\n\n", ""),
        ("<think> is a tag", ""),
    ],
)
def test_a_prompt_that_opens_the_thought(prompt: str, tag: str) -> None:
    assert opening(prompt) == tag

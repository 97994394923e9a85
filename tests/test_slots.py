"""Which cells a slot holds, and who may be given up: held against llama.cpp's own memory."""

from array import array
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.llm.context import Context, ContextFullError
from chat_app.llm.model import ChatModel
from chat_app.llm.slots import Slot, Slots, common_prefix, key, token_of, vector_of


@pytest.fixture
def context(chat_model: ChatModel) -> Iterator[Context]:
    made = Context(chat_model, n_ctx=256, n_seq=3)
    yield made
    made.close()


def read(context: Context, slot: Slot, wanted: array) -> np.ndarray:
    """Read what ``slot`` lacks of ``wanted``; the last cell's logits."""
    start = len(slot.held)
    context.decode(
        [token_of(cell) for cell in wanted[start:]],
        range(start, len(wanted)),
        sequences=[slot.sequence] * (len(wanted) - start),
        logits=[len(wanted) - start - 1],
    )
    slot.held.extend(wanted[start:])
    return context.logits(len(wanted) - start - 1)


def afresh(chat_model: ChatModel, wanted: array) -> np.ndarray:
    context = Context(chat_model, n_ctx=256, n_seq=3)
    row = read(context, Slot(1), wanted)
    context.close()
    return row


def cells(*tokens: int) -> array:
    return array("q", [key(token, 0) for token in tokens])


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**30))
def test_a_cell_is_a_token_and_a_vector(token: int, vector: int) -> None:
    cell = key(token, vector)
    assert (token_of(cell), vector_of(cell)) == (token, vector)
    assert array("q", [cell])[0] == cell


@given(st.lists(st.integers(0, 3), max_size=9), st.lists(st.integers(0, 3), max_size=9))
def test_common_prefix(a: list[int], b: list[int]) -> None:
    n = common_prefix(array("q", a), array("q", b))
    assert a[:n] == b[:n]
    assert n == min(len(a), len(b)) or a[n] != b[n]


def test_a_longer_conversation_goes_on_in_its_slot(context: Context) -> None:
    slots = Slots(context, 3, steps_back=True)
    slot = slots.claim(cells(*range(300, 320)))
    assert slot is not None
    assert list(slot.held) == []
    read(context, slot, cells(*range(300, 320)))
    slots.release(slot)
    again = slots.claim(cells(*range(300, 330)))
    assert again is slot
    assert len(again.held) == 20


def test_what_is_shared_is_read_once_and_the_same(context: Context, chat_model: ChatModel) -> None:
    slots = Slots(context, 3, steps_back=True)
    stem = list(range(300, 340))
    one, two = cells(*stem, 400, 401), cells(*stem, 500, 501)
    first = slots.claim(one)
    assert first is not None
    read(context, first, one)
    second = slots.claim(two)  # while the first is busy
    assert second is not None
    assert second is not first
    assert len(second.held) == len(stem)
    np.testing.assert_allclose(read(context, second, two), afresh(chat_model, two), atol=0.1)
    # and the first one still holds what it held
    longer = array("q", [*one, *cells(402)])
    np.testing.assert_allclose(read(context, first, longer), afresh(chat_model, longer), atol=0.1)


def test_the_last_cell_is_read_again_for_its_logits(context: Context) -> None:
    slots = Slots(context, 3, steps_back=True)
    wanted = cells(*range(300, 310))
    slot = slots.claim(wanted)
    assert slot is not None
    read(context, slot, wanted)
    slots.release(slot)
    again = slots.claim(wanted)
    assert again is not None
    assert len(again.held) == 9


def test_a_few_cells_in_common_do_not_cost_another_conversation_its_slot(context: Context) -> None:
    slots = Slots(context, 3, steps_back=True)
    long = cells(*range(300, 360))
    slot = slots.claim(long)
    assert slot is not None
    read(context, slot, long)
    slots.release(slot)
    other = slots.claim(cells(*range(300, 305), 700))
    assert other is not None
    assert other is not slot
    assert (len(other.held), len(slot.held)) == (5, 60)


def test_none_is_idle_and_the_longest_idle_is_evicted(context: Context) -> None:
    slots = Slots(context, 3, steps_back=True)
    taken = []
    for i in range(3):
        slot = slots.claim(cells(*range(300 + 10 * i, 310 + 10 * i)))
        assert slot is not None
        read(context, slot, cells(*range(300 + 10 * i, 310 + 10 * i)))
        taken.append(slot)
    assert slots.idle == 0
    assert slots.claim(cells(1, 2)) is None
    assert not slots.evict()
    for slot in (taken[1], taken[0], taken[2]):
        slots.release(slot)
    assert slots.evict()
    assert [len(slot.held) for slot in taken] == [10, 0, 10]


def test_idle_slots_keep_no_more_than_they_may(context: Context) -> None:
    slots = Slots(context, 3, steps_back=True)
    taken = []
    for i in range(3):
        slot = slots.claim(cells(*range(300 + 20 * i, 320 + 20 * i)))
        assert slot is not None
        read(context, slot, cells(*range(300 + 20 * i, 320 + 20 * i)))
        taken.append(slot)
    slots.release(taken[1])
    slots.release(taken[0])
    slots.keep_idle(40)
    assert [len(slot.held) for slot in taken] == [20, 20, 20]
    slots.keep_idle(39)
    assert [len(slot.held) for slot in taken] == [20, 0, 20]
    slots.keep_idle(0)
    assert [len(slot.held) for slot in taken] == [0, 0, 20]


def test_eviction_frees_llama_cpp_s_own_cells(context: Context) -> None:
    slots = Slots(context, 3, steps_back=True)
    first = slots.claim(cells(*range(300, 500)))
    assert first is not None
    read(context, first, cells(*range(300, 500)))
    slots.release(first)
    second = slots.claim(cells(*range(600, 800)))
    assert second is not None
    with pytest.raises(ContextFullError):
        read(context, second, cells(*range(600, 800)))
    slots.trim(second, 0)
    assert slots.evict()
    assert len(read(context, second, cells(*range(600, 800)))) > 0


def test_a_model_that_cannot_step_back_is_used_whole_or_not_at_all(context: Context) -> None:
    slots = Slots(context, 2, steps_back=False)
    held = cells(*range(300, 310))
    slot = slots.claim(held)
    assert slot is not None
    read(context, slot, held)
    slots.release(slot)
    assert slots.shared(cells(*range(300, 305), 9)) == 0
    assert slots.shared(held) == 0
    assert slots.shared(array("q", [*held, *cells(9)])) == 10

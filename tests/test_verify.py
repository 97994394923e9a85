"""Any single change of a transcript is found, in its data and in its text, as JSON and JSONL."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.chat.chain import canonical
from chat_app.chat.export import export_conversation
from chat_app.chat.transcript import TranscriptError, read_transcript, verify_transcript
from chat_app.db.database import memory_database
from tests.talks import measure, new_talk, say


@pytest.fixture(scope="module")
def texts():
    """A conversation of two branches with scores, as JSON and as JSONL."""
    database = memory_database()
    id = new_talk(database, "Geld — für wen?")
    _, first = say(database, id, "Should I lend my brother money?", "Yes, if he needs it.")
    measure(database, first, "svt/benevolence", 5.25)
    measure(database, first, "svt/power", -2.0)
    say(database, id, "Why?", "He is family.\u2028Really.")
    say(database, id, "What if he says no?", 'Then "let it be".', parent=first)
    yield {form: export_conversation(database, id, form) for form in ("json", "jsonl")}
    database.close()


def problems(text):
    try:
        return verify_transcript(read_transcript(text))
    except TranscriptError as error:
        return [str(error)]


def places(data, path=()):
    """The path of every item in ``data``."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def parent_of(data, path):
    for key in path[:-1]:
        data = data[key]
    return data, path[-1]


scalars = st.none() | st.booleans() | st.integers() | st.floats(-1e6, 1e6) | st.text(max_size=5)


@given(st.data())
def test_a_single_change_of_the_data_is_found(texts, draw):
    data = read_transcript(texts["json"])
    changed = copy.deepcopy(data)
    within, key = parent_of(changed, draw.draw(st.sampled_from(list(places(data)))))
    acts = ["replace", "remove"]
    acts += ["repeat", "swap"] if isinstance(within, list) else ["add"]
    act = draw.draw(st.sampled_from(acts))
    if act == "replace":
        within[key] = draw.draw(scalars)
    elif act == "remove":
        del within[key]
    elif act == "repeat":
        within.insert(key, copy.deepcopy(within[key]))
    elif act == "swap":
        other = draw.draw(st.integers(0, len(within) - 1))
        within[key], within[other] = within[other], within[key]
    else:
        within[draw.draw(st.text(max_size=9))] = draw.draw(scalars)
    if canonical(changed) != canonical(data):
        assert verify_transcript(changed)
        assert problems(json.dumps(changed))
        head = {key: item for key, item in changed.items() if key != "messages"}
        lines = [head, *changed["messages"]] if isinstance(changed.get("messages"), list) else [{}]
        assert problems("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("form", ["json", "jsonl"])
@given(st.data())
def test_a_single_change_of_the_text_is_found(texts, form, draw):
    text = texts[form]
    start = draw.draw(st.integers(0, len(text) - 1))
    end = draw.draw(st.integers(start, min(len(text), start + 3)))
    changed = text[:start] + draw.draw(st.text(max_size=3)) + text[end:]
    found = problems(changed)
    if not found:  # blanks between items, or a number in another spelling
        assert canonical(read_transcript(changed)) == canonical(read_transcript(text))


@pytest.mark.parametrize("form", ["json", "jsonl"])
@given(st.data())
def test_a_tail_that_was_cut_off_is_found(texts, form, draw):
    text = texts[form]
    cut = text[: draw.draw(st.integers(0, len(text.rstrip()) - 1))]
    assert problems(cut)


def test_whole_lines_that_are_missing_or_too_many_are_found(texts):
    lines = texts["jsonl"].splitlines(keepends=True)
    assert problems(texts["jsonl"]) == []
    for number in range(len(lines)):
        assert problems("".join(lines[:number] + lines[number + 1 :])), number
        assert problems("".join([*lines[: number + 1], lines[number], *lines[number + 1 :]]))


def test_a_key_that_stands_twice_is_refused(texts):
    """Another program may read the first of the two, and show what nobody said."""
    twice = texts["json"].replace('"text": "Why?"', '"text": "Why not?", "text": "Why?"')
    assert "not one we write" in problems(twice)[0]


def test_messages_beside_the_lines_are_refused(texts):
    head, rest = texts["jsonl"].split("\n", 1)
    hidden = head.replace('{"format"', '{"messages": [], "format"') + "\n" + rest
    assert "first line" in problems(hidden)[0]

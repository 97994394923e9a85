"""Labelled texts as files hold them, and the table of concepts."""

import json
from collections import Counter
from pathlib import Path

import pytest

from chat_app.errors import ValueflowError
from chat_app.hives.concepts import CONCEPTS, concepts_of
from chat_app.hives.dataset import (
    DatasetError,
    LabelledText,
    fingerprint,
    from_anchors,
    held_out,
    read_texts,
)
from chat_app.values.phrases import PHRASES
from chat_app.values.taxonomy import STEERED, descendants, get_value
from chat_app.vidb.loading import load_vidb

HEADING = "text,theory,level_1,level_2,level_3,direction\n"


def read(tmp_path: Path, content: str, name: str = "texts.csv") -> list[LabelledText]:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    return read_texts(file)


def test_a_path_of_a_known_theory_is_completed(tmp_path: Path) -> None:
    rows = (
        "I sit up with her.,svt,benevolence,,,support\n"
        "Rules are rules.,SVT,Conservation,Conformity,Rules,1\n"
        "Whatever.,mft,care/harm,kindness,,-1\n"
    )
    one, two, three = read(tmp_path, HEADING + rows)
    assert one.path == ("svt", "growth", "self-transcendence", "benevolence")
    assert (one.value, one.direction, one.phrase) == ("svt/benevolence", 1, PHRASES[one.value])
    assert two.value == "svt/conformity:rules"
    assert two.path[-2:] == ("conformity", "conformity:rules")
    assert two.phrase == PHRASES["svt/conformity"]
    assert (three.value, three.direction) == ("mft/care-harm:kindness", -1)
    assert ("small kindnesses", 1) in three.concepts


def test_a_theory_of_ones_own_is_taken_as_it_stands(tmp_path: Path) -> None:
    heading = "text,theory,level_1,level_2,direction,phrase,concept\n"
    row = "We mend it.,Stoic,Wisdom,Patience,neutral,keeping calm,calm; -making a fuss\n"
    (text,) = read(tmp_path, heading + row)
    assert text == LabelledText(
        "We mend it.", ("Stoic", "Wisdom", "Patience"), 0, "Stoic/Wisdom/Patience", None,
        "keeping calm", (("calm", 1), ("making a fuss", -1)),
    )  # fmt: skip


def test_jsonl_and_the_columns_of_vidb(tmp_path: Path) -> None:
    rows = [
        {"text": "Mine.", "value": "svt/power", "intensity": 7.5},
        {"text": "Mine.", "value": "svt/power", "intensity": 7.5},
        {"text": "Ours.", "value": "power", "intensity": -3, "direction": "neutral"},
    ]
    mine, ours = read(tmp_path, "\n".join(map(json.dumps, rows)), "texts.jsonl")
    assert (mine.value, mine.direction, mine.intensity) == ("svt/power", 1, 7.5)
    assert (ours.direction, ours.intensity) == (0, -3.0)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (" ,svt,benevolence,,,support", "row 2: there is no text."),
        ("a,,benevolence,,,support", "row 2: theory is blank."),
        ("a,svt,,benevolence,,support", "row 2: level_1 is blank."),
        ("a,own,b,,c,support", "row 2: level_2 is blank, but a level below it is not."),
        ("a,svt,benevolenc,,,support", "row 2: svt has no value 'benevolenc'."),
        ("a,svt,conservation,hedonism,,1", "row 2: 'hedonism' is not under 'conservation'."),
        ("a,svt,benevolence,,,maybe", "row 2: direction 'maybe' is not support, neutral or oppose"),
        ("a,svt,benevolence,,,2", "row 2: direction '2' is not"),
        ("a,svt,benevolence,,,", "row 2: there is no direction and no intensity."),
        ("a,svt,benevolence", "row 2: its cells do not fit the heading."),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, said: str) -> None:
    good = "fine,svt,benevolence,,,support\n"
    with pytest.raises(DatasetError) as error:
        read(tmp_path, f"{HEADING}{good}{row}\n{good}{row}\n")
    assert f"texts.csv, {said}" in str(error.value)
    assert str(error.value).endswith(" 1 more row is wrong.")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,theory,direction\n", "not theory and level_1 (or value)."),
        ("sentence,value\n", "not text, direction (or intensity)."),
        (HEADING, "holds no texts"),
        ("text,value,intensity\na,svt/power,11\n", "row 1: intensity '11' is no number"),
        ("text,value,direction\na,svt/pow,1\n", "row 1: there is no value 'svt/pow'"),
        ("text,value,direction,concept\na,svt/power,1,a;;b\n", "names nothing between"),
        ("text,value,direction,concept\na,svt/power,1,a;-a\n", "'a' is both for and against"),
    ],
)
def test_files_that_cannot_be_used_say_why(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(DatasetError) as error:
        read(tmp_path, content)
    assert said in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueflowError, match=r"nowhere\.csv cannot be read"):
        read_texts(tmp_path / "nowhere.csv")


def test_vidb_becomes_labelled_texts() -> None:
    vidb = load_vidb()
    texts = from_anchors(vidb.anchors)
    assert [t.text for t in texts] == [a.text for a in vidb.anchors]
    assert all(t.phrase and t.concepts for t in texts)
    assert {t.direction for t in texts} == {-1, 0, 1}
    share = sum(held_out(t.text) for t in texts) / len(texts)
    assert 0.17 < share < 0.23
    assert not any(held_out(t.text, 0) for t in texts)
    assert fingerprint(texts) == fingerprint(list(texts)) != fingerprint(texts[1:])


def test_the_table_of_concepts_is_sound() -> None:
    names = [concept.name for concept in CONCEPTS]
    assert len(names) >= 40
    assert len(set(names)) == len(names)
    for concept in CONCEPTS:
        assert len({get_value(v).theory for v in concept.signs}) > 1, concept.name
        for value, sign in concept.signs.items():
            # What lies below a listed value has its sign already.
            below = [v for v in descendants(value) if concept.signs.get(v) == sign]
            assert not below, (concept.name, value, below)
    listed = Counter(value for concept in CONCEPTS for value in concept.signs)
    assert min(listed[value] for value in STEERED) >= 2
    signs = [frozenset(concept.signs.items()) for concept in CONCEPTS]
    assert len(set(signs)) == len(signs)


def test_no_value_is_listed_twice_in_a_concept() -> None:
    path = Path(__file__).parent.parent / "chat_app" / "hives" / "concepts.json"
    for row in json.loads(path.read_text(encoding="utf-8")):
        ids = [get_value(v).id for v in [*row["for"], *row["against"]]]
        assert ids == list(dict.fromkeys(ids)), row["concept"]
        assert ids == [*row["for"], *row["against"]], row["concept"]


def test_the_nearest_listed_value_decides() -> None:
    # "modesty" lists svt/power against; "being in command" lists it for: both hold below it.
    below = dict(concepts_of("svt/power:dominance"))
    assert (below["modesty"], below["being in command"]) == (-1, 1)
    assert dict(concepts_of("mft/liberty-oppression"))["obeying those in charge"] == -1
    assert "obeying those in charge" not in dict(concepts_of("duty/gratitude"))

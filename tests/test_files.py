"""A file is replaced whole or not at all."""

from pathlib import Path

import pytest

from chat_app.files import written_whole


def test_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "note.txt"
    with written_whole(path) as fresh:
        fresh.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("one")

    def fail() -> None:
        with written_whole(path) as fresh:
            fresh.write_text("tw")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "one"
    assert list(tmp_path.glob(".note*")) == []

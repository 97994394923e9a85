"""A profile out of what somebody has: a code or a file that was shared, or their own writing."""

from pathlib import Path
from typing import TYPE_CHECKING

from chat_app.errors import ValueflowError
from chat_app.values.code import is_code, read_code
from chat_app.values.profile import Profile, ProfileError

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio
    from chat_app.evaluation.extraction import Extraction

# Texts beyond this number say nothing new of a person, and would keep the page for minutes.
MOST_TEXTS = 2000


def shared_profile(text: str) -> Profile:
    """The profile of a code or of a file's JSON. Raises ProfileError, one sentence."""
    if is_code(text):
        return read_code(text)
    if not text.lstrip("\ufeff \n\t\r").startswith("{"):
        raise ProfileError(
            "This is neither a profile's code, which begins with vf1-, nor a profile's file."
        )
    return Profile.from_json(text)


def texts_of_file(path: Path, column: str | None = None) -> list[str]:
    """The texts of a .csv, .jsonl or .parquet file's ``column``, or of a plain file.

    Raises ValueflowError for what cannot be read.
    """
    from chat_app.evaluation.bulk import text_column
    from chat_app.evaluation.extraction import split_texts
    from chat_app.evaluation.tables import is_table, read_table

    if is_table(path):
        table = read_table(path)
        where = text_column(table, path, column)
        return [row[where] for row in table.rows if isinstance(row.get(where), str)]
    try:
        return split_texts(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        raise ValueflowError(f"{path.name} is no text file in UTF-8.") from None


def values_in(studio: "Studio", texts: list[str]) -> "Extraction":
    """The values that a person's ``texts`` speak of, measured by the encoder for people's words,
    which is given back afterwards.

    Raises ValueflowError for no texts, and for too many.
    """
    from chat_app.chat.studio import Studio
    from chat_app.evaluation.extraction import extract_profile

    if len(texts) > MOST_TEXTS:
        raise ValueflowError(
            f"These are {len(texts)} texts: {MOST_TEXTS} are the most that are read here."
        )
    encoder = studio.settings.encoder(of_replies=False)
    given = studio.settings.model_copy(update={"hives": encoder})
    reader = Studio(given, progress=studio.progress)
    with studio.measuring:
        return extract_profile(texts, reader.evaluator_by("hives"), reader.space)

"""Bringing a database's tables up to date with the migrations in ``migrations/``.

Alembic takes a while to import, so the usual case, a database that is up to date, is told from
the migrations' file names alone: each is called ``<revision>_<what it does>.py``, and revisions
are numbers of four digits in order.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chat_app.db.errors import DatabaseError
from chat_app.settings import data_path


def known_revisions() -> list[str]:
    """Every revision that this version of the program knows, oldest first."""
    return sorted(p.name[:4] for p in data_path("migrations", "versions").glob("[0-9]*.py"))


def bring_to_head(connection: Connection, place: str) -> None:
    """Run the migrations that the database at ``connection`` lacks, in its open transaction.

    Raises DatabaseError for a database of a newer version, or of another program.
    """
    tables = set(sa.inspect(connection).get_table_names())
    known = known_revisions()
    if "alembic_version" in tables:
        revision = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        if revision == known[-1]:
            return
        if revision is not None and revision not in known:
            raise DatabaseError(
                f"{place} was made by a newer version of Valueflow Chat (its tables are at "
                f"{revision}, this version knows {known[-1]}): update the program, or set "
                "VALUEFLOW_HOME to another folder."
            )
    elif tables:
        raise DatabaseError(
            f"{place} is a database of another program: set VALUEFLOW_HOME or "
            "VALUEFLOW_DATABASE_URL to another place."
        )
    _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", data_path("migrations").as_posix().replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

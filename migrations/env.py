"""Alembic's environment: it works on the connection that the program hands over.

`alembic` on its own, as a developer uses it to write a new revision, has none; then the database
of the settings is taken.
"""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection

from chat_app.db.tables import Base
from chat_app.settings import settings


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite can change a table only by making it anew.
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


_given = context.config.attributes.get("connection")
if _given is not None:
    _migrate(_given)
else:
    with create_engine(settings().database()).begin() as _own:
        _migrate(_own)

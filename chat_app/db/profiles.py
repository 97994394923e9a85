"""Queries on saved profiles."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chat_app.db.tables import ProfileRow


def find_profile(session: Session, name: str) -> ProfileRow | None:
    return session.scalar(sa.select(ProfileRow).where(ProfileRow.name == name))


def all_profiles(session: Session) -> list[ProfileRow]:
    """By name, as people order names: "blunt" before "Caring"."""
    return sorted(session.scalars(sa.select(ProfileRow)), key=lambda row: row.name.casefold())

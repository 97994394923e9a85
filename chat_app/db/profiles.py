"""Queries on saved profiles and their earlier versions."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chat_app.db.tables import ProfileRow, ProfileVersion


def find_profile(session: Session, name: str) -> ProfileRow | None:
    return session.scalar(sa.select(ProfileRow).where(ProfileRow.name == name))


def all_profiles(session: Session) -> list[ProfileRow]:
    """By name, as people order names: "blunt" before "Caring"."""
    return sorted(session.scalars(sa.select(ProfileRow)), key=lambda row: row.name.casefold())


def earlier_versions(session: Session, profile_id: str) -> list[ProfileVersion]:
    """Those that were saved over, the last one first."""
    query = sa.select(ProfileVersion).where(ProfileVersion.profile_id == profile_id)
    return list(session.scalars(query.order_by(ProfileVersion.id.desc())))

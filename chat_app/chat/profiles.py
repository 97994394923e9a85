"""Saved profiles, and the presets that stand in for them at first."""

from dataclasses import replace

from chat_app.chat.presets import PRESETS
from chat_app.db.database import Database
from chat_app.db.profiles import all_profiles, find_profile
from chat_app.db.tables import ProfileRow, ProfileVersion, now
from chat_app.errors import ValueflowError
from chat_app.values.profile import Profile


class UnknownProfile(ValueflowError):
    """No profile goes by that name."""


def save_profile(database: Database, profile: Profile) -> None:
    """Store ``profile`` under its name; what stood there before is kept as an earlier version."""
    with database.write() as session:
        row = find_profile(session, profile.name)
        if row is None:
            session.add(ProfileRow(name=profile.name, profile=profile.to_json()))
        elif row.profile != profile.to_json():
            session.add(ProfileVersion(profile_id=row.id, profile=row.profile, created=row.updated))
            row.profile, row.updated = profile.to_json(), now()


def load_profile(database: Database, name: str) -> Profile:
    """The saved profile ``name``, else the preset of that name.

    Raises UnknownProfile, which names those that there are.
    """
    with database.read() as session:
        row = find_profile(session, name)
        if row is not None:
            return Profile.from_json(row.profile)
        known = [row.name for row in all_profiles(session)]
    for preset in PRESETS:
        if preset.name.casefold() == name.casefold():
            return preset
    known += [preset.name for preset in PRESETS if preset.name not in known]
    raise UnknownProfile(f"There is no profile {name!r}; there are {', '.join(known)}.")


def list_profiles(database: Database) -> list[Profile]:
    """The saved profiles, by name."""
    with database.read() as session:
        return [Profile.from_json(row.profile) for row in all_profiles(session)]


def delete_profile(database: Database, name: str) -> None:
    """Forget a saved profile with its versions; conversations keep the copy they were written with.

    Raises UnknownProfile where none of that name is saved.
    """
    with database.write() as session:
        row = find_profile(session, name)
        if row is None:
            raise UnknownProfile(f"No profile {name!r} is saved, so there is none to delete.")
        session.delete(row)


def duplicate_profile(database: Database, name: str) -> Profile:
    """Save a copy of ``name`` as "name copy", or "name copy 2" and so on where that is taken."""
    original = load_profile(database, name)
    with database.write() as session:
        taken = {row.name for row in all_profiles(session)}
        copy, number = f"{name} copy", 1
        while copy in taken:
            number += 1
            copy = f"{name} copy {number}"
        profile = replace(original, name=copy)
        session.add(ProfileRow(name=copy, profile=profile.to_json()))
    return profile

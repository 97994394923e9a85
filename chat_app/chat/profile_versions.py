"""Earlier versions of a saved profile: each save under a name keeps what stood there before."""

from dataclasses import dataclass
from datetime import datetime

from chat_app.chat.profiles import UnknownProfile, save_profile
from chat_app.db.database import Database
from chat_app.db.profiles import earlier_versions, find_profile
from chat_app.values.custom import value_label
from chat_app.values.numerals import signed
from chat_app.values.profile import Profile

_LISTED = 6  # differences that one line names


@dataclass(frozen=True)
class Version:
    """``profile`` as it was saved at ``saved``; ``id`` is None for the one that stands now.

    ``change``: what it changed of the version before it, in words.
    """

    id: str | None
    saved: datetime
    profile: Profile
    change: str


def profile_versions(database: Database, name: str) -> list[Version]:
    """All versions of a saved profile, the one that stands now first.

    Raises UnknownProfile where none of that name is saved.
    """
    with database.read() as session:
        row = find_profile(session, name)
        if row is None:
            raise UnknownProfile(f"No profile {name!r} is saved, so it has no versions.")
        kept = earlier_versions(session, row.id)
    found: list[tuple[str | None, datetime, Profile]] = [
        (None, row.updated, Profile.from_json(row.profile))
    ]
    found += [(each.id, each.created, Profile.from_json(each.profile)) for each in kept]
    before = [profile for _, _, profile in found[1:]]
    changes = [difference(old, new) for (_, _, new), old in zip(found, before, strict=False)]
    return [
        Version(id, saved, profile, change)
        for (id, saved, profile), change in zip(found, [*changes, "the first"], strict=True)
    ]


def restore_version(database: Database, name: str, id: str) -> Profile:
    """Save the version ``id`` of ``name`` again, as its newest; the others stay.

    Raises UnknownProfile where there is no such version.
    """
    for version in profile_versions(database, name):
        if version.id == id:
            save_profile(database, version.profile)
            return version.profile
    raise UnknownProfile(f"The profile {name!r} has no such version any more.")


def difference(old: Profile, new: Profile) -> str:
    """What ``new`` changed: 'Benevolence +6 → +8, Power −4 added, method vector → prompt'."""
    said = []
    for value in dict.fromkeys([*old.targets, *new.targets]):
        before, after = old.targets.get(value), new.targets.get(value)
        label = value_label(value)
        if before is None and after is not None:
            said.append(f"{label} {signed(after)} added")
        elif before is not None and after is None:
            said.append(f"{label} {signed(before)} left out")
        elif before is not None and after is not None and before != after:
            said.append(f"{label} {signed(before)} → {signed(after)}")
    if old.method != new.method:
        said.append(f"method {old.method} → {new.method}")
    if old.description != new.description:
        said.append("another description")
    if old.tuned != new.tuned:
        said.append("tuned anew" if new.tuned else "no longer tuned")
    if len(said) > _LISTED:
        said[_LISTED:] = [f"{len(said) - _LISTED} more"]
    return ", ".join(said) or "nothing"

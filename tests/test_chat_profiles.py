import pytest

from chat_app.chat.presets import PRESETS
from chat_app.chat.profiles import (
    UnknownProfile,
    delete_profile,
    duplicate_profile,
    list_profiles,
    load_profile,
    offered_profiles,
    save_profile,
)
from chat_app.db.profiles import find_profile
from chat_app.values.profile import Profile

KIND = Profile("kind", {"svt/benevolence": 8, "svt/power": 0}, "for hard days", "prompt")


def test_what_is_saved_is_loaded_as_it_was(database):
    save_profile(database, KIND)
    loaded = load_profile(database, "kind")
    assert loaded == KIND
    assert list(loaded.targets) == list(KIND.targets)


def test_saving_under_a_name_that_is_taken_replaces_it_and_keeps_its_age(database):
    save_profile(database, KIND)
    with database.read() as session:
        before = find_profile(session, "kind")
    save_profile(database, Profile("kind", {"svt/power": 2}))
    with database.read() as session:
        after = find_profile(session, "kind")
    assert load_profile(database, "kind").targets == {"svt/power": 2}
    assert (after.id, after.created) == (before.id, before.created)
    assert len(list_profiles(database)) == 1


def test_the_list_is_in_the_order_of_names(database):
    for name in ("Zoe", "anna", "Ben"):
        save_profile(database, Profile(name, {}))
    assert [p.name for p in list_profiles(database)] == ["anna", "Ben", "Zoe"]


def test_presets_are_offered_until_something_is_saved(database):
    assert offered_profiles(database) == list(PRESETS)
    assert list_profiles(database) == []
    save_profile(database, KIND)
    assert offered_profiles(database) == [KIND]
    assert load_profile(database, "caring friend") == PRESETS[0]


def test_a_saved_profile_goes_before_the_preset_of_its_name(database):
    mine = Profile("Fair judge", {"duty/justice": 10})
    save_profile(database, mine)
    assert load_profile(database, "Fair judge") == mine


def test_presets_differ_and_can_be_steered_by():
    assert len({p.name for p in PRESETS}) == len(PRESETS) >= 6
    assert all(p.targets and p.description and p.method == "vector" for p in PRESETS)


def test_deleting(database):
    save_profile(database, KIND)
    delete_profile(database, "kind")
    assert list_profiles(database) == []
    with pytest.raises(UnknownProfile, match="No profile 'kind' is saved"):
        delete_profile(database, "kind")
    with pytest.raises(UnknownProfile, match="'Adventurer' is saved"):
        delete_profile(database, "Adventurer")


def test_an_unknown_profile_names_those_there_are(database):
    save_profile(database, KIND)
    with pytest.raises(UnknownProfile, match="no profile 'Kond'; there are kind, Caring friend"):
        load_profile(database, "Kond")


def test_copies_get_names_of_their_own(database):
    save_profile(database, KIND)
    names = [duplicate_profile(database, "kind").name for _ in range(3)]
    assert names == ["kind copy", "kind copy 2", "kind copy 3"]
    assert load_profile(database, "kind copy 2").targets == KIND.targets
    assert duplicate_profile(database, "Adventurer").name == "Adventurer copy"

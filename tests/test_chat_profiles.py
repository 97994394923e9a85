import pytest

from chat_app.chat.presets import PRESETS
from chat_app.chat.profile_versions import difference, profile_versions, restore_version
from chat_app.chat.profiles import (
    UnknownProfile,
    delete_profile,
    duplicate_profile,
    list_profiles,
    load_profile,
    save_profile,
)
from chat_app.db.profiles import find_profile
from chat_app.values.profile import Profile
from chat_app.values.taxonomy import STEERED

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


def test_presets_are_there_by_name_and_never_saved(database):
    assert list_profiles(database) == []
    assert load_profile(database, "caring friend") == PRESETS[0]


def test_a_saved_profile_goes_before_the_preset_of_its_name(database):
    mine = Profile("Fair judge", {"duty/justice": 10})
    save_profile(database, mine)
    assert load_profile(database, "Fair judge") == mine


def test_presets_differ_and_can_be_steered_by():
    assert len({p.name for p in PRESETS}) == len(PRESETS) >= 12
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


def test_saving_keeps_what_stood_under_the_name(database):
    first = Profile("kind", {"svt/benevolence": 6, "svt/face": 1})
    second = Profile("kind", {"svt/benevolence": 8, "svt/power": -4}, method="prompt")
    for profile in (first, second, second):
        save_profile(database, profile)
    now, before = profile_versions(database, "kind")
    assert (now.id, now.profile) == (None, second)
    assert before.profile == first
    assert now.change == (
        "Benevolence +6 → +8, Face +1 left out, Power −4 added, method vector → prompt"
    )
    assert before.change == "the first"
    assert before.saved <= now.saved

    assert before.id is not None
    assert restore_version(database, "kind", before.id) == first
    assert load_profile(database, "kind") == first
    assert [v.profile for v in profile_versions(database, "kind")] == [first, second, first]
    with pytest.raises(UnknownProfile, match="no such version"):
        restore_version(database, "kind", "01JD0000000000000000000001")


def test_versions_go_with_their_profile(database):
    save_profile(database, KIND)
    save_profile(database, Profile("kind", {"svt/power": 2}))
    delete_profile(database, "kind")
    with pytest.raises(UnknownProfile, match="has no versions"):
        profile_versions(database, "kind")
    save_profile(database, KIND)
    assert len(profile_versions(database, "kind")) == 1


def test_a_difference_of_many_values_is_one_line():
    old, new = Profile("a", {}), Profile("a", dict.fromkeys(STEERED, 1), "other words")
    assert difference(old, new).endswith(", 27 more")
    assert difference(new, new) == "nothing"

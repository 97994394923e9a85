"""The profile panel: reach, search, strength, characters, versions, codes and texts."""

import json
import re
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page, expect

from chat_app.chat.presets import PRESETS
from chat_app.values.code import profile_code
from chat_app.values.profile import Profile
from chat_app.values.taxonomy import STEERED
from chat_app.vidb.loading import load_vidb
from tests.browser.conftest import PATIENCE_MS, ChatPage

NASTY = "<img src=x onerror=alert(1)> ${alert(1)} {{alert(1)}} `x`"


def open_part(page: Page, id: str) -> None:
    page.locator(f"#{id} .label-wrap").first.click()


def upload(page: Page, button: str, name: str, text: str) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator(f"#{button}").click()
    chooser.value.set_files({"name": name, "mimeType": "text/plain", "buffer": text.encode()})


def test_values_show_their_reach_and_are_found_by_what_they_mean(chat: ChatPage):
    page = chat.page
    power, privacy = page.locator("#vf-svt-power"), page.locator("#vf-right-civil_rights")
    expect(page.locator("#vf-legend")).to_contain_text("within this model’s reach")
    low = power.evaluate("element => getComputedStyle(element).getPropertyValue('--vf-low')")
    assert 0 < float(low) < 0.5
    expect(page.locator(".vf-group-name").first).to_have_text("Growth · Self-transcendence")

    chat.slide("svt/power", -10)
    expect(page.locator("#vf-outlook")).to_contain_text("Power is out of this model’s reach")
    told = power.evaluate("element => getComputedStyle(element, '::after').content")
    assert re.search("Out of this model’s reach: −[78]", told)
    described = power.locator("input[type=range]").get_attribute("aria-describedby")
    expect(page.locator(f"#{described}")).to_contain_text("Being the one who gives the orders")

    search = page.locator("#vf-search input")
    search.fill("privacy")
    expect(privacy).to_be_visible()
    expect(power).to_be_hidden()
    chat.slide("right/civil_rights", 5)
    search.fill("zebra")
    expect(page.locator("#vf-search-none")).to_be_visible()
    search.press("Escape")
    expect(power).to_be_visible()
    expect(privacy).to_be_hidden()
    expect(page.locator("#vf-summary")).to_have_text("power −10 civil rights +5")
    expect(page.locator("#vf-theories [role=tab]").last).to_have_text("Rights · 1")
    page.locator("#vf-method label").nth(1).click()
    expect(page.locator("#vf-legend")).to_contain_text("was not measured")


def test_the_strength_is_in_what_is_asked_and_what_came_of_it_is_drawn(chat: ChatPage):
    page = chat.page
    chat.slide("svt/benevolence", 8)
    strength = page.locator("#vf-strength input[type=range]")
    for _ in range(10):
        strength.press("ArrowLeft")
    expect(page.locator("#vf-summary")).to_have_text("benevolence +4")
    expect(page.locator("#vf-so-far")).to_be_hidden()
    chat.ask("Should I lend my brother money?")
    measured = re.compile(r"benevolence\s*asked \+4, measured [+−]?\d+(\.\d)?")
    expect(page.locator("#vf-chart")).to_contain_text(measured, timeout=PATIENCE_MS)
    expect(page.locator("#vf-chart")).to_contain_text("1 reply with these targets")
    expect(chat.number("svt/benevolence")).to_have_value("8")

    open_part(page, "vf-model")
    expect(page.locator("#vf-model-about")).to_contain_text("tokens a second, last reply")
    expect(page.locator("#vf-model-about")).to_contain_text("by vector and by prompt")
    chat.reload()
    expect(chat.number("svt/benevolence")).to_have_value("4")
    expect(page.locator("#vf-strength input[type=number]")).to_have_value("100")
    expect(page.locator("#vf-chart")).to_contain_text(measured)


def test_targets_on_tabs_that_were_never_opened_are_asked_for(chat: ChatPage):
    page = chat.page
    open_part(page, "vf-characters")
    page.locator("#vf-presets label", has_text="Fair judge").click()
    judge = next(preset for preset in PRESETS if preset.name == "Fair judge")
    assert len({value.partition("/")[0] for value in judge.targets}) == 3
    open_part(page, "vf-kept")
    placed = dict(sorted(judge.targets.items(), key=lambda item: STEERED.index(item[0])))
    code = page.locator("#vf-code textarea")
    expect(code).to_have_value(profile_code(replace(judge, targets=placed)))
    page.locator("#vf-clear").click()
    expect(page.locator("#vf-summary")).to_contain_text("unsteered")
    expect(code).to_have_value(profile_code(replace(judge, targets={})))


def test_a_character_is_changed_saved_taken_back_and_shared(chat: ChatPage):
    page = chat.page
    name, summary = page.locator("#vf-profile-name input"), page.locator("#vf-summary")
    open_part(page, "vf-characters")
    page.locator("#vf-presets label", has_text="Adventurer").click()
    expect(summary).to_contain_text("stimulation +8")
    name.fill("My own")
    page.locator("#vf-save").click()
    expect(page.get_by_text("Saved “My own”.")).to_be_visible()
    chat.slide("svt/stimulation", 3)
    expect(summary).to_contain_text("stimulation +3")
    page.locator("#vf-save").click()

    open_part(page, "vf-kept")
    version = page.locator("#vf-versions label")
    expect(version).to_have_count(1)
    version.click()
    page.locator("#vf-restore").click()
    expect(summary).to_contain_text("stimulation +8")
    expect(version).to_have_count(2)
    expect(version.first).to_contain_text("Stimulation +8 → +3")

    code = page.locator("#vf-code textarea")
    adventurer = next(preset for preset in PRESETS if preset.name == "Adventurer")
    # The panel holds targets in the order of its sliders.
    targets = dict(sorted(adventurer.targets.items(), key=lambda item: STEERED.index(item[0])))
    shared = profile_code(replace(adventurer, name="My own", targets=targets))
    expect(code).to_have_value(shared)
    with page.expect_download() as download:
        page.locator("#vf-profile-file").click()
    assert download.value.suggested_filename == "my-own.profile.json"
    file = Path(download.value.path()).read_text(encoding="utf-8")
    assert json.loads(file)["targets"]["svt/stimulation"] == 8

    page.locator("#vf-clear").click()
    expect(summary).to_contain_text("unsteered")
    box = page.locator("#vf-import-code input")
    box.fill(shared[:-3])
    box.press("Enter")
    expect(page.get_by_text("This code is damaged")).to_be_visible()
    box.fill(shared)
    box.press("Enter")
    expect(summary).to_contain_text("stimulation +8")
    expect(box).to_have_value("")


def test_what_somebody_else_sends_is_shown_as_text(chat: ChatPage):
    page = chat.page
    other = Profile(NASTY[:80], {"svt/power": 4, f"custom/{NASTY}": -3}, NASTY)
    open_part(page, "vf-kept")
    upload(page, "vf-import-file", "theirs.json", json.dumps(other.to_json()))
    expect(page.locator("#vf-summary")).to_contain_text(f"“{NASTY}” −3")
    expect(page.locator("#vf-own-0 .head")).to_contain_text(NASTY)
    page.locator("#vf-clear").click()
    page.locator("#vf-import-code input").fill(profile_code(other))
    page.locator("#vf-import-code input").press("Enter")
    expect(page.locator("#vf-summary")).to_contain_text(f"“{NASTY}” −3")
    page.locator("#vf-save").click()
    expect(page.locator("#vf-saved input")).to_have_value(NASTY[:80])
    assert page.locator("#vf-right img, #vf-right script").count() == 0


def test_a_profile_is_read_from_texts(chat: ChatPage):
    page = chat.page
    open_part(page, "vf-texts")
    page.locator("#vf-texts-read").click()
    expect(page.locator("#vf-texts-note")).to_contain_text("Paste some texts first.")
    anchors = load_vidb("builtin").of("svt/benevolence")
    written = [anchor.text for anchor in anchors if anchor.intensity > 5][:12]
    upload(page, "vf-texts-file", "mine.txt", "\n".join(written))
    expect(page.locator("#vf-texts-result")).to_contain_text(
        re.compile(r"What 12 texts show.*[+−]\d", re.DOTALL), timeout=PATIENCE_MS
    )
    page.locator("#vf-texts-use").click()
    expect(page.locator("#vf-profile-name input")).to_have_value("From my texts")
    expect(page.locator("#vf-summary")).to_contain_text(re.compile(r"\+\d"))

"""Events of the profiles that are kept: save, load, duplicate, delete, versions, share, import."""

import json
import re
from typing import Any

import gradio as gr

from chat_app.chat.presets import PRESETS
from chat_app.chat.profile_texts import shared_profile
from chat_app.chat.profile_versions import profile_versions, restore_version
from chat_app.chat.profiles import (
    UnknownProfile,
    delete_profile,
    duplicate_profile,
    list_profiles,
    load_profile,
    save_profile,
)
from chat_app.errors import ValueflowError
from chat_app.ui.guard import guarded
from chat_app.ui.kept_panel import forget, taken
from chat_app.ui.layout import Page
from chat_app.ui.profile_panel import NAMELESS, PLACED, read_profile
from chat_app.ui.text import escape
from chat_app.values.profile import Profile

_LARGEST_FILE = 1_000_000  # bytes


def wire(blocks: gr.Blocks, page: Page) -> None:
    """Connect what is done with profiles that are kept."""
    _wire_saved(blocks, page)
    _wire_delete(page)
    _wire_versions(page)
    _wire_shared(page)


def _wire_saved(blocks: gr.Blocks, page: Page) -> None:
    panel, database = page.profile, page.studio.database
    everything = [panel.saved, *panel.shown, *panel.kept.shown]

    def save(*fields: Any) -> dict[Any, Any]:
        profile = read_profile(*fields)
        if profile.name == NAMELESS:
            raise ValueflowError("The profile has no name yet: write one beside the Save button.")
        save_profile(database, profile)
        gr.Info(f"Saved “{escape(profile.name)}”.", duration=3)
        return _kept(page, profile)

    def load(name: str | None) -> dict[Any, Any]:
        if not name:
            return gr.skip()
        profile = load_profile(database, name)
        return {**panel.show(profile), **_versions(page, profile.name)}

    def duplicate(name: str) -> dict[Any, Any]:
        return _kept(page, duplicate_profile(database, name.strip()))

    blocks.load(lambda: _choices(page, None), None, panel.saved, show_progress="hidden")
    panel.save.click(guarded(save), panel.inputs, everything, js=PLACED, show_progress="hidden")
    for choice in (panel.saved, panel.presets):
        choice.input(
            guarded(load), choice, [*panel.shown, *panel.kept.shown], show_progress="hidden"
        )
    panel.duplicate.click(guarded(duplicate), panel.name, everything, show_progress="hidden")


def _wire_delete(page: Page) -> None:
    panel, database = page.profile, page.studio.database

    def ask(name: str) -> dict[Any, Any]:
        load_profile(database, name.strip())
        question = (
            f"Delete the profile “{escape(name.strip())}” with its earlier versions? "
            "Conversations keep their own copy."
        )
        return {
            panel.question: f'<p class="vf-question">{question}</p>',
            panel.confirm: gr.Column(visible=True),
        }

    def delete(name: str) -> dict[Any, Any]:
        delete_profile(database, name.strip())
        return {
            panel.saved: _choices(page, None),
            panel.name: "",
            panel.confirm: gr.Column(visible=False),
            **panel.kept.show(()),
        }

    panel.delete.click(guarded(ask), panel.name, [panel.question, panel.confirm])
    panel.really.click(
        guarded(delete),
        panel.name,
        [panel.saved, panel.name, panel.confirm, *panel.kept.shown],
        show_progress="hidden",
    )
    panel.keep.click(lambda: gr.Column(visible=False), None, panel.confirm, queue=False)


def _wire_versions(page: Page) -> None:
    panel, database = page.profile, page.studio.database

    def restore(name: str, version: str | None) -> dict[Any, Any]:
        if not version:
            raise ValueflowError("Choose one of the earlier versions first.")
        return _kept(page, restore_version(database, name.strip(), version))

    panel.kept.accordion.expand(
        guarded(lambda name: _versions(page, name.strip())),
        panel.name,
        panel.kept.shown,
        show_progress="hidden",
    )
    panel.kept.restore.click(
        guarded(restore),
        [panel.name, panel.kept.versions],
        [panel.saved, *panel.shown, *panel.kept.shown],
        show_progress="hidden",
    )


def _wire_shared(page: Page) -> None:
    panel, kept = page.profile, page.profile.kept
    changed = [kept.paste, *panel.shown]

    def download(*fields: Any) -> str:
        profile = read_profile(*fields)
        name = re.sub(r"[^\w-]+", "-", profile.name).strip("-").lower() or "profile"
        text = json.dumps(profile.to_json(), ensure_ascii=False, indent=2) + "\n"
        return json.dumps(
            {"name": f"{name}.profile.json", "type": "application/json", "text": text}
        )

    def show(text: str) -> Any:
        if not text.strip():
            return gr.skip()
        profile = shared_profile(text)
        gr.Info(f"“{escape(profile.name)}” is on the panel; Save keeps it.", duration=4)
        return {kept.paste: "", **panel.show(profile)}

    def upload(path: str) -> Any:
        try:
            return show(taken(path, _LARGEST_FILE).read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError:
            raise ValueflowError("This file is no profile: it is not UTF-8 text.") from None
        finally:
            forget(path)

    kept.file.click(guarded(download), panel.inputs, page.file, js=PLACED).success(
        None, page.file, None, js="(file) => valueflow.download(file)"
    )
    kept.paste.submit(guarded(show), kept.paste, changed, show_progress="hidden")
    kept.upload.upload(guarded(upload), kept.upload, changed, show_progress="hidden")


def _kept(page: Page, profile: Profile) -> dict[Any, Any]:
    """``profile`` on the panel as what is saved, chosen in the list, with its versions."""
    return {
        page.profile.saved: _choices(page, profile.name),
        **page.profile.show(profile),
        **_versions(page, profile.name),
    }


def _versions(page: Page, name: str) -> dict[Any, Any]:
    try:
        found = profile_versions(page.studio.database, name)
    except UnknownProfile:
        found = []
    return page.profile.kept.show(found)


def _choices(page: Page, chosen: str | None) -> gr.Dropdown:
    """The saved profiles, then those that come with the program."""
    saved = [each.name for each in list_profiles(page.studio.database)]
    given = [each.name for each in PRESETS if each.name not in saved]
    return gr.Dropdown(choices=[*saved, *given], value=chosen)

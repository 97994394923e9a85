"""Versions of the profile that is shown, its code to share, and a box for somebody else's."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from chat_app.chat.profile_versions import Version
from chat_app.errors import ValueflowError


@dataclass(frozen=True)
class KeptPanel:
    """The components; ``versions`` offers the ids of a saved profile's earlier versions."""

    accordion: gr.Accordion
    versions: gr.Radio
    none: gr.HTML
    restore: gr.Button
    code: gr.Textbox
    file: gr.Button
    paste: gr.Textbox
    upload: gr.UploadButton

    @property
    def shown(self) -> list[Any]:
        """Every component that ``show`` changes."""
        return [self.versions, self.none, self.restore]

    def show(self, versions: Iterable[Version]) -> dict[Any, Any]:
        """The updates that offer the earlier ones among ``versions``."""
        choices = [(_line(each), each.id) for each in versions if each.id]
        return {
            self.versions: gr.Radio(choices=choices, value=None, visible=bool(choices)),
            self.none: gr.HTML(visible=not choices),
            self.restore: gr.Button(visible=bool(choices)),
        }


def build_kept_panel() -> KeptPanel:
    """Lay the panel out in the current context, closed."""
    with gr.Accordion("Versions and sharing", open=False, elem_id="vf-kept") as accordion:
        none = gr.HTML(
            '<p class="vf-hint">Each save keeps what stood under the name before. Earlier '
            "versions of this profile appear here.</p>",
            js_on_load=None,
        )
        versions = gr.Radio([], label="Earlier versions", visible=False, elem_id="vf-versions")
        restore = gr.Button(
            "Go back to this version", size="sm", visible=False, elem_id="vf-restore"
        )
        code = gr.Textbox(
            label="Code to share",
            lines=2,
            max_lines=3,
            interactive=False,
            buttons=["copy"],
            elem_id="vf-code",
        )
        file = gr.Button("Download as a file", size="sm", elem_id="vf-profile-file")
        paste = gr.Textbox(
            label="Import a profile",
            placeholder="Paste a code: vf1-…",
            max_lines=1,
            max_length=200_000,
            submit_btn="Import",
            elem_id="vf-import-code",
            elem_classes="vf-offer",
        )
        upload = gr.UploadButton(
            "Import a file", size="sm", file_types=[".json"], elem_id="vf-import-file"
        )
    return KeptPanel(accordion, versions, none, restore, code, file, paste, upload)


def taken(path: str, longest: int) -> Path:
    """An uploaded file, if it is no larger than ``longest`` bytes; see ``forget``.

    Raises ValueflowError.
    """
    file = Path(path)
    if file.stat().st_size > longest:
        forget(path)
        raise ValueflowError(f"This file is larger than {longest // 1_000_000} MB.")
    return file


def forget(path: str) -> None:
    """Delete an upload: Gradio would keep it in a temporary folder."""
    Path(path).unlink(missing_ok=True)


def _line(version: Version) -> str:
    saved = version.saved.astimezone()
    return f"{saved.day} {saved:%b %Y, %H:%M}\n{version.change}"

"""The Settings page: how replies are drawn, measured and computed, and the data folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.data_folder import (
    back_up,
    backups,
    delete_everything,
    erased_words,
    export_everything,
    export_file,
    exports_dir,
    parts,
    size_words,
)
from chat_app.chat.preferences import Saved, preferences, save_preferences
from chat_app.errors import ValueflowError
from chat_app.ui.guard import guarded
from chat_app.ui.loading import iter_of, ticking
from chat_app.ui.pages.frame import frame
from chat_app.ui.pages.settings_artefacts import build_artefacts, wire_artefacts
from chat_app.ui.pages.settings_html import (
    backups_html,
    folder_html,
    line_html,
    loaded_html,
    locked_html,
    section_html,
)
from chat_app.ui.pages.settings_inputs import INPUTS, build_inputs, read_inputs, shown_inputs
from chat_app.ui.services import Services

_TICK_S = 0.4
_CONFIRM = "delete everything"


@dataclass(frozen=True)
class _Data:
    """The components of the lower half."""

    folder: gr.HTML
    backup: gr.Button
    backups: gr.HTML
    export: gr.Button
    exported: gr.HTML
    download: gr.DownloadButton
    copies: gr.Checkbox
    words: gr.Textbox
    delete: gr.Button
    deleted: gr.HTML


def build(blocks: gr.Blocks, shared: Services) -> None:
    """Lay the page out in the current context, and wire it."""
    # Served from where they lie: Gradio would leave a copy of them in a temporary folder.
    gr.set_static_paths([exports_dir(shared.studio.settings)])
    with frame(
        "Settings",
        "How replies are written and measured, and what is kept on this computer.",
        width="reading",
    ):
        notice = gr.HTML("", js_on_load=None)
        inputs = build_inputs()
        with gr.Row(elem_id="vf-set-bar"):
            save = gr.Button("Save", variant="primary", size="md", elem_id="vf-set-save")
            defaults = gr.Button("Defaults", size="md", elem_id="vf-set-defaults")
            said = gr.HTML("", elem_id="vf-set-said", js_on_load=None)
        model = gr.HTML("", elem_id="vf-set-model", js_on_load=None)
        again = gr.Button("Load the model again", size="sm", visible=False, elem_id="vf-set-again")
        artefacts = build_artefacts()
        data = _build_data()
    wire_artefacts(blocks, shared, artefacts)
    _wire_settings(blocks, shared, inputs, notice, save, defaults, said, model, again)
    _wire_data(blocks, shared, data)


def _build_data() -> _Data:
    gr.HTML(section_html("Your data", "All of it lies in one folder on this computer."))
    folder = gr.HTML("", elem_id="vf-set-folder", js_on_load=None)
    with gr.Row(elem_classes="vf-set-act"):
        gr.HTML(
            line_html(
                "Back up",
                "Copies conversations, scores and profiles into a dated file, while the chat "
                "goes on. To go back to one, stop the program and put it in the place of "
                "valueflow.db.",
            ),
            js_on_load=None,
        )
        backup = gr.Button("Back up now", size="sm", elem_id="vf-set-backup")
    kept = gr.HTML("", elem_id="vf-set-backups", js_on_load=None)
    with gr.Row(elem_classes="vf-set-act"):
        gr.HTML(
            line_html(
                "Export everything",
                "Makes a zip of every transcript, profile and calibration, in formats that other "
                "programs read too.",
            ),
            js_on_load=None,
        )
        export = gr.Button("Make the zip", size="sm", elem_id="vf-set-export")
    exported = gr.HTML("", elem_id="vf-set-exported", js_on_load=None)
    download = gr.DownloadButton("Download it", size="sm", visible=False, elem_id="vf-set-download")
    gr.HTML(
        section_html(
            "Delete everything",
            "Removes all conversations with their scores, and all saved profiles. Models, "
            "calibrations and these settings stay. It cannot be undone.",
        ),
        js_on_load=None,
    )
    with gr.Column(elem_id="vf-set-danger"):
        copies = gr.Checkbox(False, label="Delete the backups and exports in the data folder too")
        with gr.Row(elem_classes="vf-set-confirm"):
            words = gr.Textbox(
                label=f"Type “{_CONFIRM}” to allow it",
                max_lines=1,
                elem_id="vf-set-words",
            )
            delete = gr.Button(
                "Delete everything",
                variant="stop",
                size="md",
                interactive=False,
                elem_id="vf-set-delete",
            )
        deleted = gr.HTML("", elem_id="vf-set-deleted", js_on_load=None)
    return _Data(folder, backup, kept, export, exported, download, copies, words, delete, deleted)


def _wire_settings(
    blocks: gr.Blocks,
    shared: Services,
    inputs: dict[str, Any],
    notice: gr.HTML,
    save: gr.Button,
    defaults: gr.Button,
    said: gr.HTML,
    model: gr.HTML,
    again: gr.Button,
) -> None:
    studio, components = shared.studio, list(inputs.values())

    def show() -> dict[Any, Any]:
        known = preferences(studio)
        return {
            **shown_inputs(inputs, known),
            notice: locked_html([p for p in known.values() if p.locked]),
            model: loaded_html(studio.settings, studio.loaded_model),
            said: "",
        }

    def keep(*given: Any) -> dict[Any, Any]:
        outcome = save_preferences(studio, read_inputs(given))
        return {
            said: line_html("", _saved_words(outcome)),
            again: gr.Button(visible=bool(outcome.waiting)),
        }

    def reset() -> dict[Any, Any]:
        known = preferences(studio)
        unlocked = {p.name: p.default for p in known.values() if not p.locked}
        outcome = save_preferences(studio, unlocked)
        return {
            **shown_inputs(inputs, preferences(studio)),
            said: line_html("", _saved_words(outcome)),
            again: gr.Button(visible=bool(outcome.waiting)),
        }

    def load_again() -> Iterator[dict[Any, Any]]:
        yield {
            said: line_html("", "Loading the model again …"),
            again: gr.Button(interactive=False),
        }
        try:
            for _ in ticking(iter_of(lambda: studio.use_model(studio.settings.model)), _TICK_S):
                pass
        finally:
            yield {again: gr.Button(visible=False, interactive=True)}
        yield {
            said: line_html("", "The model is loaded with the new settings."),
            model: loaded_html(studio.settings, studio.loaded_model),
        }

    blocks.load(guarded(show), None, [*components, notice, model, said], show_progress="hidden")
    save.click(guarded(keep), components, [said, again], show_progress="hidden")
    defaults.click(guarded(reset), None, [*components, said, again], show_progress="hidden")
    again.click(
        guarded(load_again),
        None,
        [said, model, again],
        show_progress="hidden",
        concurrency_limit=None,
    )


def _saved_words(saved: Saved) -> str:
    if not saved.changed:
        return "Nothing was changed."
    if saved.waiting:
        names = " and ".join(INPUTS[name].label.lower() for name in saved.waiting)
        return (
            f"Saved. {names[:1].upper()}{names[1:]} will hold when the model is loaded next; "
            "everything else holds from the next reply."
        )
    return "Saved. It holds from the next reply."


def _wire_data(blocks: gr.Blocks, shared: Services, data: _Data) -> None:
    studio = shared.studio

    def show() -> dict[Any, Any]:
        return {
            data.folder: folder_html(studio.settings.home, parts(studio.settings)),
            data.backups: backups_html(backups(studio.settings)),
        }

    def make_backup() -> dict[Any, Any]:
        back_up(studio.settings, studio.database)
        gr.Info("Backed up.", duration=3)
        return show()

    def make_export() -> Iterator[dict[Any, Any]]:
        path = export_file(studio.settings)
        at = [0, 0]

        def told(done: int, of: int) -> None:
            at[:] = done, of

        yield {data.exported: line_html("", "Writing …"), data.download: gr.skip()}
        work = iter_of(lambda: export_everything(studio.database, path, told))
        for count in ticking(work, _TICK_S):
            if count is None:
                yield {data.exported: line_html("", f"Writing {at[0]} of {at[1]} conversations …")}
                continue
            size = size_words(path.stat().st_size)
            words = f"{count} conversations, {size}, in {path}"
            yield {
                data.exported: line_html("", words),
                data.download: gr.DownloadButton(value=str(path), visible=True),
                **show(),
            }

    def typed(words: str) -> gr.Button:
        return gr.Button(interactive=words.strip().casefold() == _CONFIRM)

    def erase(words: str, copies: bool) -> dict[Any, Any]:
        if words.strip().casefold() != _CONFIRM:
            raise ValueflowError(f"Type “{_CONFIRM}” first: nothing was deleted.")
        erased = delete_everything(studio.settings, studio.database, copies=copies)
        left = len(backups(studio.settings))
        kept = f" {left} backups are still in the data folder." if left else ""
        return {
            data.deleted: line_html("", erased_words(erased) + kept),
            data.words: "",
            data.delete: gr.Button(interactive=False),
            data.exported: "",
            data.download: gr.DownloadButton(visible=False),
            **show(),
        }

    shown = [data.folder, data.backups]
    blocks.load(guarded(show), None, shown, show_progress="hidden")
    data.backup.click(guarded(make_backup), None, shown, show_progress="hidden")
    data.export.click(
        guarded(make_export),
        None,
        [data.exported, data.download, *shown],
        show_progress="hidden",
        concurrency_limit=None,
    )
    data.words.change(typed, data.words, data.delete, show_progress="hidden", queue=False)
    data.delete.click(
        guarded(erase),
        [data.words, data.copies],
        [data.deleted, data.words, data.delete, data.exported, data.download, *shown],
        show_progress="hidden",
    )

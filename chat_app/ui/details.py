"""The score details of a reply: a panel over the page that a link under the reply opens.

Opening, closing and moving the focus are the page's own (static/details.js); what is shown comes
from the server, measured first where it was not.
"""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from chat_app.chat.insight import reason, whole_profile
from chat_app.errors import ValueflowError
from chat_app.ui.details_html import failed_html, profile_html, reason_html, waiting_html
from chat_app.ui.guard import Tab, guarded
from chat_app.ui.hidden import hidden_text
from chat_app.ui.layout import Page
from chat_app.ui.loading import iter_of, ticking
from chat_app.ui.services import Services

_TICK_S = 0.4

_HEAD = """
<div class="vf-d-head"><h2 id="vf-details-title">What this reply supports</h2>
<button type="button" class="vf-d-close" aria-label="Close">✕</button></div>
"""


def build(shared: Services, page: Page) -> None:
    """Lay the panel out in the current context, and wire it to what ``page`` shows."""
    with gr.Column(elem_id="vf-details"), gr.Column(elem_id="vf-details-box"):
        gr.HTML(_HEAD, js_on_load=None)
        with gr.Row(elem_id="vf-details-body"):
            chart = gr.HTML("", elem_id="vf-details-chart", js_on_load=None)
            why = gr.HTML("", elem_id="vf-details-why", js_on_load=None)
    # What the page's script says: the reply, and the value that was chosen.
    message = hidden_text()
    value = hidden_text()
    opened = gr.Button("Details", visible="hidden", elem_id="vf-details-open")
    chosen = gr.Button("Why", visible="hidden", elem_id="vf-details-choose")

    def show(message_id: str, tab: Tab) -> Iterator[dict[Any, Any]]:
        yield {chart: waiting_html("Measuring all values"), why: ""}
        studio = page.studio_of(tab)
        try:
            measured = iter_of(lambda: whole_profile(studio, message_id))
            for whole in ticking(measured, _TICK_S):
                if whole is None:
                    yield {chart: waiting_html(_words(shared))}
                    continue
                first = whole.scores[0].value
                yield {
                    chart: profile_html(whole, first, stored=studio is page.studio),
                    why: reason_html(reason(studio, message_id, first)),
                    page.watch: gr.Timer(active=True),  # chips that waited can be filled in now
                }
        except ValueflowError as error:
            yield {chart: failed_html(str(error)), why: ""}

    def explain(message_id: str, value_id: str, tab: Tab) -> str:
        return reason_html(reason(page.studio_of(tab), message_id, value_id))

    opened.click(
        guarded(show),
        [message, page.tab],
        [chart, why, page.watch],
        js="(_, tab) => [vfDetails.message, tab]",
        trigger_mode="multiple",
        show_progress="hidden",
        concurrency_limit=None,
    )
    chosen.click(
        guarded(explain),
        [message, value, page.tab],
        why,
        js="(_, __, tab) => [vfDetails.message, vfDetails.value, tab]",
        trigger_mode="multiple",
        show_progress="hidden",
        concurrency_limit=None,
    )


def _words(shared: Services) -> str:
    words = shared.loading.words()
    return words if ":" in words else "Measuring all values"

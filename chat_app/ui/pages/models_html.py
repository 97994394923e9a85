"""Safe HTML for the Models page: a card for each model, and how far a download is.

Its buttons are plain HTML that the page's script (static/models.js) listens to, as they are as
many as there are models.
"""

from collections.abc import Iterable, Iterator

from chat_app.chat.curated import CuratedModel
from chat_app.chat.downloads import Download
from chat_app.chat.model_library import LibraryModel, ModelDetails
from chat_app.chat.offered import Offered
from chat_app.llm.estimate import gigabytes
from chat_app.ui.text import escape

_READ_ONLY = "It belongs to another program: it is used where it lies, and never changed."


def here_html(models: Iterable[LibraryModel], about: dict[str, ModelDetails | str]) -> str:
    """The models on this computer. ``about``: {source: what its file says, or why it cannot}."""
    cards = (_here(model, about.get(model.source, "")) for model in models)
    return f'<ul class="vf-m-list">{"".join(cards)}</ul>'


def offers_html(
    models: Iterable[CuratedModel], warnings: dict[str, str], *, room: int, offline: bool
) -> str:
    """The short list. ``warnings``: {source: why it does not fit into this computer's memory};
    ``room``: bytes of it that are free, 0 where nobody knows."""
    cards = "".join(_offer(model, warnings.get(model.source, ""), offline) for model in models)
    if not cards:
        return '<p class="vf-m-note">All of the short list is on this computer.</p>'
    free = (
        f'<p class="vf-m-note">{gigabytes(room)} of memory are free now; where that is too little '
        "for a model, it says so.</p>"
        if room
        else ""
    )
    return f'{free}<ul class="vf-m-list">{cards}</ul>'


def offered_html(found: Offered, *, offline: bool) -> str:
    """What a repository on Hugging Face holds."""
    licence = escape(found.licence or "not named; look at its page before you use it")
    gated = (
        " Its maker wants conditions accepted first: do that on its page, and sign in here with "
        "<code>hf auth login</code>."
        if found.gated
        else ""
    )
    rows = []
    for each in found.models:
        source = f"{found.repo}:{each.name}"
        usual = '<span class="vf-m-tag">the usual choice</span>' if each == found.usual else ""
        rows.append(
            f'<li class="vf-m-row"><div><b>{escape(each.name)}</b> {usual}'
            f'<p class="vf-m-facts">{gigabytes(each.size)} to fetch</p></div>'
            f"{_button('fetch', source, 'Fetch', each.name, off=offline)}</li>"
        )
    return (
        f'<div class="vf-m-found"><h3>{escape(found.repo)}</h3>'
        f'<p class="vf-m-facts">Licence: {licence}.{gated}</p>'
        f'<ul class="vf-m-rows">{"".join(rows)}</ul></div>'
    )


def download_html(download: Download) -> str:
    """How far it is, or how it ended."""
    source = escape(download.source)
    if download.state == "running":
        return (
            f'<div class="vf-m-download"><p><b>Fetching {source}</b></p>{_bar(download)}'
            f'<p class="vf-m-facts">{escape(_far(download))}</p></div>'
        )
    if download.state == "done" and download.model:
        use = _button("use", download.model.source, "Use it", download.model.name, strong=True)
        return (
            f'<div class="vf-m-download" role="status"><p><b>{escape(download.model.name)} is '
            f"here.</b> Every byte was checked.</p>{use}</div>"
        )
    return (
        f'<div class="vf-m-download" role="status"><p><b>{source}</b></p>'
        f"{_bar(download) if download.done else ''}<p>{escape(download.words)}</p></div>"
    )


def offline_html() -> str:
    return (
        '<p class="vf-m-offline" role="status">Offline mode is on (HF_HUB_OFFLINE), so nothing '
        "is fetched. The models on this computer work as always.</p>"
    )


def note_html(words: str) -> str:
    return f'<p class="vf-m-note" role="status">{escape(words)}</p>' if words else ""


def _here(model: LibraryModel, about: ModelDetails | str) -> str:
    name = escape(model.name)
    tags = ['<span class="vf-m-tag vf-m-now">In use</span>'] if model.in_use else []
    place = escape(model.place)
    if model.place in ("LM Studio", "Ollama", "llama.cpp"):
        tags.append(f'<span class="vf-m-tag" title="{_READ_ONLY}">{place}, read-only</span>')
    else:
        tags.append(f'<span class="vf-m-tag">{place}</span>')
    says = f'<p class="vf-m-says">{escape(model.curated.says)}</p>' if model.curated else ""
    acts = "" if model.in_use else _button("use", model.source, "Use", model.name, strong=True)
    remove = _remove(model) if model.pulled and not model.in_use else ""
    return (
        f'<li class="vf-m-card{" vf-m-used" if model.in_use else ""}">'
        f'<div class="vf-m-head"><h3>{name}</h3>{"".join(tags)}</div>{says}'
        f"{_about(model, about)}"
        f'<div class="vf-m-acts">{acts}{remove}</div></li>'
    )


def _about(model: LibraryModel, about: ModelDetails | str) -> str:
    if isinstance(about, str):
        return (
            f'<p class="vf-m-facts">{gigabytes(model.size)}</p>'
            f'<p class="vf-m-warning">{escape(about)}</p>'
        )
    facts = about.facts
    line = " · ".join(
        part
        for part in (
            _count(facts.n_params) + " parameters",
            facts.quantisation,
            gigabytes(facts.size),
            f"about {gigabytes(about.needs.total)} of memory",
        )
        if part
    )
    warning = f'<p class="vf-m-warning">{escape(about.warning)}</p>' if about.warning else ""
    rows = "".join(f"<dt>{term}</dt><dd>{escape(said)}</dd>" for term, said in _facts(about))
    return (
        f'<p class="vf-m-facts">{escape(line)}</p>{warning}'
        f'<details class="vf-m-more"><summary>About {escape(model.name)}</summary>'
        f'<dl class="vf-m-dl">{rows}</dl></details>'
    )


def _facts(about: ModelDetails) -> Iterator[tuple[str, str]]:
    facts, needs = about.facts, about.needs
    yield "Architecture", f"{facts.architecture}, {facts.n_layer} layers"
    yield "Reads up to", f"{facts.n_ctx_train:,} tokens"
    yield (
        "Memory",
        f"{gigabytes(needs.weights)} for the weights, {gigabytes(needs.cache)} for conversations "
        f"of {about.n_ctx:,} tokens, {gigabytes(needs.workspace)} to compute in",
    )
    template = "its own" if facts.has_template else "none, so ChatML is used"
    yield "Chat template", template
    yield "Licence", facts.licence or "the file does not say"
    parts = f", in {facts.parts} parts" if facts.parts > 1 else ""
    yield "File", f"{facts.path}{parts}"
    yield "Named as", about.source


def _offer(model: CuratedModel, warning: str, offline: bool) -> str:
    first = '<span class="vf-m-tag vf-m-now">a good first choice</span>' * model.first_choice
    facts = (
        f"{model.parameters} parameters · {gigabytes(model.size)} to fetch · about "
        f"{gigabytes(model.memory)} of memory · by {model.maker} · licence {model.licence}"
    )
    short = f'<p class="vf-m-warning">{escape(warning)}</p>' if warning else ""
    page = (
        f'<a class="vf-m-page" href="{escape(model.about)}" target="_blank" '
        f'rel="noopener noreferrer" aria-label="Page and licence of {escape(model.name)}">'
        "Page and licence</a>"
    )
    return (
        f'<li class="vf-m-card"><div class="vf-m-head"><h3>{escape(model.name)}</h3>{first}</div>'
        f'<p class="vf-m-says">{escape(model.says)}</p>'
        f'<p class="vf-m-facts">{escape(facts)}</p>{short}'
        f'<div class="vf-m-acts">{_button("fetch", model.source, "Fetch", model.name, off=offline)}'
        f"{page}</div></li>"
    )


def _remove(model: LibraryModel) -> str:
    """A fold, so that one press does not delete."""
    sure = _button("remove", model.source, "Remove it", model.name)
    return (
        f'<details class="vf-m-remove"><summary aria-label="Remove {escape(model.name)}">Remove'
        f"</summary><div><span>{gigabytes(model.size)} are deleted from this computer; it can be "
        f"fetched again.</span>{sure}</div></details>"
    )


def _button(
    act: str, source: str, words: str, name: str, *, strong: bool = False, off: bool = False
) -> str:
    return (
        f'<button type="button" class="vf-m-act{" vf-m-strong" if strong else ""}" '
        f'data-act="{act}" data-source="{escape(source)}" '
        f'aria-label="{words}: {escape(name)}"{" disabled" if off else ""}>{words}</button>'
    )


def _bar(download: Download) -> str:
    label = f'aria-label="Fetched of {escape(download.source)}"'
    if not download.total:
        return f"<progress {label}></progress>"
    return f'<progress {label} max="{download.total}" value="{download.done}"></progress>'


def _far(download: Download) -> str:
    """'12 MB of 30 MB · 3.1 MB a second · 6 s left'."""
    if not download.total:
        return "Asking Hugging Face"
    words = [f"{gigabytes(download.done)} of {gigabytes(download.total)}"]
    if download.done >= download.total:
        return f"{words[0]} · checking every byte"
    if download.rate > 0:
        words += [
            f"{gigabytes(download.rate)} a second",
            f"{_time((download.total - download.done) / download.rate)} left",
        ]
    return " · ".join(words)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _count(n: int) -> str:
    return f"{n / 1e9:.1f} billion" if n >= 1e9 else f"{n / 1e6:.3g} million"

"""What Hugging Face offers under a name, before anything of it is fetched."""

from dataclasses import dataclass

from chat_app.errors import ValueflowError
from chat_app.llm.gguf_names import Choice, pick
from chat_app.llm.sources import SourceError, hub_source, offered_by


@dataclass(frozen=True)
class Offered:
    """A repository's chat models, smallest first. ``licence`` as its card has it, None where it
    says nothing; ``gated``: its maker wants conditions accepted first; ``usual``: the one that
    most people take, if it is among them."""

    repo: str
    licence: str | None
    gated: bool
    models: tuple[Choice, ...]
    usual: Choice | None


def offered(source: str) -> Offered:
    """What ``source`` ("org/repo", or with ":file.gguf" or ":Q4_K_M") means; one request.

    Raises ValueflowError for words of another form, SourceError where nothing is meant, HubError
    as ``llm.hub.look_up``.
    """
    wanted = hub_source(source.strip())
    if wanted is None:
        raise ValueflowError(
            f"{source!r} is no model on Hugging Face: write org/repo, or org/repo:file.gguf."
        )
    repository, models = offered_by(wanted.repo)
    meant = pick(models, wanted.wanted) if wanted.wanted else models
    if not meant:
        raise SourceError(f"{wanted.repo} has no model {wanted.wanted}: leave that out to see all.")
    usual = pick(models, "")
    return Offered(
        repository.id,
        repository.licence,
        repository.gated,
        tuple(meant),
        usual[0] if len(usual) == 1 else None,
    )

"""Where a model's file is: built in, on disk, or to be fetched from Hugging Face."""

import re
from pathlib import Path

from chat_app.llm.model import ModelError
from chat_app.settings import data_path

_REPOSITORY = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+):(?P<file>[^:]+\.gguf)", re.IGNORECASE)


def resolve_model(source: str) -> Path:
    """The file of "builtin", of a path, or of "org/repo:file.gguf" (downloaded when missing).

    Raises :class:`ModelError` where there is no such file.
    """
    if source == "builtin":
        return data_path("models", "builtin-chat.gguf")
    path = Path(source).expanduser()
    match = _REPOSITORY.fullmatch(source)
    if match and not path.exists():
        return _download(match["repo"], match["file"])
    if not path.is_file():
        raise ModelError(
            f"There is no model file {source}; give 'builtin', the path of a .gguf file, "
            "or org/repo:file.gguf from Hugging Face."
        )
    return path


def local_file(source: str) -> Path | None:
    """The file of ``source`` if it is on this computer already, None otherwise."""
    match = _REPOSITORY.fullmatch(source)
    if match and not Path(source).exists():
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(match["repo"], match["file"])
        return Path(cached) if isinstance(cached, str) else None
    try:
        return resolve_model(source)
    except ModelError:
        return None


def _download(repo: str, name: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repo_id=repo, filename=name))
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"{repo}:{name} is not on this computer and Hugging Face cannot be reached; "
            "check the connection, or give the path of a .gguf file."
        ) from error
    except (HfHubHTTPError, ValueError, OSError) as error:
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{repo}:{name} cannot be fetched from Hugging Face: {cause}") from error

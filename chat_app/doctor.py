"""What is installed, what it runs on, where data lies, and what is wrong, in plain sentences.

``examine`` asks each part a question and keeps going when one of them fails: the report is for
the moment when something does not work.
"""

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from chat_app import __version__
from chat_app.errors import ValueflowError
from chat_app.settings import Settings, data_path

PACKAGES = ("llama-cpp-python", "torch", "sentence-transformers", "gradio", "SQLAlchemy", "alembic")
# Below this, a conversation or the cached hidden states of one model may not fit.
LOW_SPACE = 200 * 2**20


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, what was found, and what is wrong with it."""

    topic: str
    found: str
    problem: str | None = None


def examine(settings: Settings) -> list[Finding]:
    """Every finding, in the order in which a reader wants them."""
    parts: tuple[tuple[str, Callable[[Settings], Iterator[Finding]]], ...] = (
        ("program", _program),
        ("llama.cpp", _llama),
        ("torch", _torch),
        ("data folder", _data_folder),
        ("database", _database),
        ("chat model", _chat_model),
        ("encoder", _encoder),
        ("anchors", _anchors),
    )
    findings: list[Finding] = []
    for topic, part in parts:
        try:
            findings.extend(part(settings))
        except ValueflowError as error:
            findings.append(Finding(topic, "does not work", str(error)))
        except Exception as error:
            # A doctor who faints is no use: whatever a broken part raises becomes a finding.
            findings.append(Finding(topic, "does not work", f"{type(error).__name__}: {error}"))
    return findings


def problems(findings: list[Finding]) -> list[str]:
    return [finding.problem for finding in findings if finding.problem]


def _program(settings: Settings) -> Iterator[Finding]:
    yield Finding("valueflow", __version__)
    yield Finding("python", f"{platform.python_version()} at {sys.executable}")
    yield Finding("computer", f"{platform.system()} {platform.machine()}")
    for package in PACKAGES:
        try:
            yield Finding(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield Finding(
                package, "missing", f"{package} is not installed: run `make setup` again."
            )


def _llama(settings: Settings) -> Iterator[Finding]:
    """What llama.cpp was compiled for, from its own system information."""
    import llama_cpp

    system = llama_cpp.llama_print_system_info().decode(errors="replace")
    backends = [part.split(":")[0].strip() for part in system.split("|") if ":" in part]
    found = ", ".join(backends) or "CPU"
    if llama_cpp.llama_supports_gpu_offload():
        yield Finding("llama.cpp", f"{found}; layers can go to the GPU")
    else:
        yield Finding("llama.cpp", f"{found}; compiled for the processor only")


def _torch(settings: Settings) -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        yield Finding("torch device", f"CUDA: {torch.cuda.get_device_name()}")
    elif torch.backends.mps.is_available():
        yield Finding("torch device", "Metal")
    else:
        yield Finding("torch device", "CPU")


def _data_folder(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    existing = next((p for p in (home, *home.parents) if p.exists()), Path("/"))
    free = shutil.disk_usage(existing).free
    found = f"{home}, {free / 2**30:.1f} GB free"
    if not home.exists():
        found += " (made when it is first needed)"
    yield Finding("data folder", found, _folder_problem(home, existing, free))


def _folder_problem(home: Path, existing: Path, free: int) -> str | None:
    if not existing.is_dir():
        return f"{existing} is a file, so the data folder {home} cannot be made: move it away."
    try:
        probe = existing / ".valueflow-doctor"
        probe.touch()
        probe.unlink()
    except OSError:
        return f"Nothing can be written to {existing}: set VALUEFLOW_HOME to another folder."
    if free < LOW_SPACE:
        return f"Only {free / 2**20:.0f} MB are free at {home}: make room there."
    return None


def _database(settings: Settings) -> Iterator[Finding]:
    from chat_app.db.database import open_database
    from chat_app.db.revisions import known_revisions

    store = open_database(settings.database())
    found = f"{store.describe()}, tables at revision {known_revisions()[-1]}"
    store.close()
    yield Finding("database", found)


def _chat_model(settings: Settings) -> Iterator[Finding]:
    from chat_app.llm.hub import resolve_model
    from chat_app.llm.model import ChatModel

    model = ChatModel.load(resolve_model(settings.model))
    info = model.info
    model.close()
    found = f"{info.name}, {info.n_params / 1e6:.1f} million parameters, {info.path}"
    if not info.has_template:
        found += "; no chat template in the file, ChatML is used"
    problem = None
    if not info.steerable:
        problem = (
            f"{info.name} cannot be steered by vectors ({info.architecture} does not apply them): "
            "use the prompt method, or another model."
        )
    yield Finding("chat model", found, problem)


def _encoder(settings: Settings) -> Iterator[Finding]:
    from chat_app.hives.encoder import load_encoder

    encoder = load_encoder(
        settings.hives, device=settings.hives_device, cache_dir=settings.cache_dir
    )
    yield Finding("encoder", f"{encoder.name}, {encoder.dim} dimensions, on {encoder.device}")


def _anchors(settings: Settings) -> Iterator[Finding]:
    from chat_app.vidb.loading import load_vidb

    vidb = load_vidb(settings.vidb)
    values = len({anchor.value for anchor in vidb.anchors})
    yield Finding("anchors", f"{vidb.name}, {len(vidb.anchors)} texts for {values} values")
    if settings.vidb == "builtin":
        yield Finding("built-in files", str(data_path("models")))

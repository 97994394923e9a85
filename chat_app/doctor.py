"""What is installed, what it runs on, where data lies, and what is wrong, in plain sentences.

``examine`` asks each part a question and keeps going when one of them fails: the report is for
the moment when something does not work.
"""

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chat_app import __version__
from chat_app.errors import ValueflowError
from chat_app.settings import Settings, data_path

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

PACKAGES = ("llama-cpp-python", "torch", "sentence-transformers", "gradio", "SQLAlchemy", "alembic")
# Below this, a conversation or the cached hidden states of one model may not fit.
LOW_SPACE = 200 * 2**20


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, what was found, and what is wrong with it.

    ``details``: the same for programs, plain JSON.
    """

    topic: str
    found: str
    problem: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


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
    """What llama.cpp was compiled for, from its own system information, and what it finds."""
    import llama_cpp

    from chat_app.llm.devices import devices, offloads

    found = devices()
    system = llama_cpp.llama_print_system_info().decode(errors="replace")
    backends = [part.split(":")[0].strip() for part in system.split("|") if ":" in part]
    where = "layers can go to the GPU" if offloads() else "on this computer, the processor only"
    details = {"backends": backends, "gpu_offload": offloads()}
    yield Finding("llama.cpp", f"{', '.join(backends) or 'CPU'}; {where}", details=details)
    for device in found:
        memory = f", {_size(device.free)} of {_size(device.total)} free" if device.total else ""
        yield Finding(
            "device",
            f"{device.name} ({device.kind}): {device.description}{memory}",
            details=asdict(device),
        )


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
    """The chat model as the chat loads it, then what it runs on and with."""
    from chat_app.chat.studio import Studio

    studio = Studio(settings)
    try:
        info = studio.model.info
        found = f"{info.name}, {info.n_params / 1e6:.1f} million parameters, {info.path}"
        if not info.has_template:
            found += "; no chat template in the file, ChatML is used"
        details = {**asdict(info), "path": str(info.path)}
        yield Finding("chat model", found, details=details)
        yield _steering(studio)
        try:
            yield from _running(studio)
        except ValueflowError as error:
            yield Finding("context", "does not work", str(error))
    finally:
        studio.close()


def _steering(studio: "Studio") -> Finding:
    info = studio.model.info
    details = {"steerable": info.steerable}
    if info.steerable:
        return Finding("steering", "the model moves under a control vector", details=details)
    why = "has only one layer" if info.n_layer < 2 else f"{info.architecture} does not apply them"
    return Finding(
        "steering",
        "by prompts only",
        f"{info.name} cannot be steered by vectors ({why} in llama.cpp): use the prompt method, or "
        "another model.",
        details,
    )


def _running(studio: "Studio") -> Iterator[Finding]:
    """Layers, threads, context and memory, as the engine of the chat really has them."""
    from chat_app.llm import bindings
    from chat_app.llm.context import default_threads
    from chat_app.llm.context_options import flash_attention_used
    from chat_app.llm.memory import allocated

    settings, model, engine = studio.settings, studio.model, studio.engine
    log = bindings.recent_log()
    layers = model.n_layer + 1
    on_card = model.n_gpu_layers
    computes = f"{on_card} of {layers} on the GPU" if on_card else "all on the processor"
    yield Finding("layers", computes, details={"layers": layers, "on_gpu": on_card})
    one, many = (settings.n_threads or n for n in default_threads(model.n_params))
    threads = {"reply": one, "prompt": many}
    yield Finding("threads", f"{one} for a reply, {many} for a prompt", details=threads)
    flash = flash_attention_used(log)
    attention = {True: ["with flash attention"], False: ["without flash attention"], None: []}
    context = {
        "n_ctx": engine.n_ctx,
        "n_slots": engine.n_slots,
        "flash_attention": flash,
        "kv_type": settings.kv_type,
    }
    how = [f"{engine.n_ctx} tokens a conversation, {engine.n_slots} conversations at once"]
    how += [f"cache kept as {settings.kv_type}", *attention[flash]]
    yield Finding("context", ", ".join(how), details=context)
    memory = {"weights": model.n_bytes, **allocated(log)}
    parts = ", ".join(f"{name} {_size(n)}" for name, n in memory.items())
    yield Finding("memory", f"{parts}; {_size(sum(memory.values()))} in all", details=memory)


def _size(n_bytes: float) -> str:
    unit, name = (2**30, "GB") if n_bytes >= 2**30 else (2**20, "MB")
    return f"{n_bytes / unit:.1f} {name}"


def _encoder(settings: Settings) -> Iterator[Finding]:
    from chat_app.hives.encoder import load_encoder

    encoder = load_encoder(
        settings.encoder(), device=settings.hives_device, cache_dir=settings.cache_dir
    )
    yield Finding("encoder", f"{encoder.name}, {encoder.dim} dimensions, on {encoder.device}")


def _anchors(settings: Settings) -> Iterator[Finding]:
    from chat_app.vidb.loading import load_vidb

    vidb = load_vidb(settings.vidb)
    values = len({anchor.value for anchor in vidb.anchors})
    yield Finding("anchors", f"{vidb.name}, {len(vidb.anchors)} texts for {values} values")
    if settings.vidb == "builtin":
        yield Finding("built-in files", str(data_path("models")))

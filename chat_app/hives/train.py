"""Training a HIVES encoder in the paper's two stages, on any sentence-transformers base.

Stage 1 lays out each theory: texts are drawn together by the levels of their paths and by their
direction. Stage 2 keeps that and brings the theories together, by everyday phrases and by
concepts that cut across them. The losses stand in ``losses``, the batches in ``batches``.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from transformers.utils import logging as transformers_logging

from chat_app.hives.batches import Batch, Batches
from chat_app.hives.dataset import LabelledText, fingerprint
from chat_app.hives.encoder import text_prompt
from chat_app.hives.encoder_files import NOTES, EncoderError, encoder_folder, line
from chat_app.hives.loop import Optimisation, TrainingError, optimise
from chat_app.hives.losses import StageTwoLoss, hierarchical_contrastive
from chat_app.hives.saving import checkpoint_file, read_checkpoint, save_whole, write_checkpoint
from chat_app.hives.scratch import small_bert

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Settings:
    """How to train.

    learning_rate: None takes 2e-3 for a base "scratch" and 2e-5 for any other; penalty: what is
    taken off the similarity of two texts of different direction (stage 1); mask: share of the
    word pieces hidden in half of the texts, where the tokenizer can; held_out: the share of texts
    that was kept from training (``dataset.held_out``), which is only written down here.
    """

    stage1_steps: int = 600
    stage2_steps: int = 300
    batch: int = 64
    learning_rate: float | None = None
    warmup: int = 50
    weight_decay: float = 0.05
    temperature: float = 0.1
    penalty: float = 1.0
    mask: float = 0.0
    held_out: float = 0.0
    seed: int = 0
    log_every: int = 25
    checkpoint_every: int = 100

    def optimisation(self, steps: int, base: str) -> Optimisation:
        given = self.learning_rate
        rate = given if given is not None else 2e-3 if base == "scratch" else 2e-5
        return Optimisation(
            steps, rate, warmup=min(self.warmup, steps), weight_decay=self.weight_decay,
            seed=self.seed, log_every=self.log_every, checkpoint_every=self.checkpoint_every,
        )  # fmt: skip


def load_base(
    base: str, texts: Sequence[LabelledText], seed: int = 0, device: str = "auto"
) -> SentenceTransformer:
    """The encoder to start from: "scratch" (a small BERT with a tokenizer made from the texts),
    "builtin", a folder of a sentence-transformers model, or a Hugging Face id.

    device: "auto" or what torch calls one. Raises EncoderError.
    """
    transformers_logging.disable_progress_bar()
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    where = None if device == "auto" else device
    try:
        if base == "scratch":
            model = small_bert((t.text for t in texts), seed)
            return model.to(where or ("cuda" if torch.cuda.is_available() else "cpu"))
        folder = encoder_folder(base)
        return SentenceTransformer(
            str(folder),
            device=where,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": torch.float32},
        )
    except EncoderError:
        raise
    except Exception as error:  # whatever a damaged folder or an unknown device makes them raise
        raise EncoderError(f"The encoder {base} cannot be trained: {line(error)}") from error


def train(
    texts: Sequence[LabelledText],
    out: Path,
    *,
    base: str = "scratch",
    settings: Settings | None = None,
    resume: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> None:
    """Train ``base`` on ``texts`` in both stages and save it to the folder ``out``.

    A state is kept in ``<out>.checkpoint`` while the run lasts; ``resume`` goes on from there and
    ends with the same encoder as a run that was never interrupted. What it was trained on stands
    in ``training.json`` beside the weights. ``progress(stage, done, steps)`` after every step.

    Raises DatasetError, EncoderError, TrainingError (also where a checkpoint is of another run).
    """
    settings = settings or Settings()
    _check_out(out)
    model = load_base(base, texts, settings.seed, device)
    made_of = {"base": base, "texts": fingerprint(texts), "settings": asdict(settings)}
    file = checkpoint_file(out)
    state = read_checkpoint(file) if resume else None
    if state is not None:
        _check_same(state["made_of"], made_of, file)
    elif file.exists():
        raise TrainingError(
            f"{file} is left of an earlier run: go on with it by resuming, or delete it."
        )
    run_stages(
        model, texts, settings, base, state=state, progress=progress,
        checkpoint=lambda found: write_checkpoint(file, found | {"made_of": made_of}),
    )  # fmt: skip
    try:
        save_whole(model, out, {NOTES: json.dumps(made_of, indent=1)})
    except OSError as error:
        raise TrainingError(f"{out} cannot be written: {error.strerror or error}.") from error
    file.unlink(missing_ok=True)


def _check_out(out: Path) -> None:
    """An encoder may be replaced; anything else that is there stays."""
    if out.is_dir() and ((out / "modules.json").is_file() or not any(out.iterdir())):
        return
    if out.exists():
        raise TrainingError(f"{out} is there and is no encoder: name a new folder to write.")


def _check_same(found: Mapping[str, Any], wanted: Mapping[str, Any], file: Path) -> None:
    flat = [{"base": m["base"], "texts": m["texts"], **m["settings"]} for m in (found, wanted)]
    other = [name for name in flat[1] if flat[0].get(name) != flat[1][name]]
    if other:
        said = ", ".join(f"{name} {flat[0].get(name)}" for name in other)
        raise TrainingError(f"{file} is of another run, with {said}: give what it had.")


def run_stages(
    model: SentenceTransformer,
    texts: Sequence[LabelledText],
    settings: Settings,
    base: str,
    *,
    state: Mapping[str, Any] | None = None,
    checkpoint: Callable[[dict[str, Any]], None] | None = None,
    progress: Progress | None = None,
) -> None:
    """Both stages on a model in memory, in place; ``base`` decides the learning rate."""
    batches = Batches(texts, settings.batch, settings.seed)
    for kind, groups in (("phrase", batches.phrases), ("concept", batches.concepts)):
        if not groups and settings.stage2_steps:
            log.warning("No two texts share a %s: that quarter of stage 2 is left out.", kind)
    criterion = StageTwoLoss(model, settings.temperature, settings.penalty)
    prompt = text_prompt(model.prompts, model.default_prompt_name)

    def embed(batch: Batch) -> tuple[Tensor, Tensor]:
        features = model.preprocess([texts[row].text for row in batch.rows], prompt=prompt or None)
        features = {
            k: v.to(model.device) if isinstance(v, Tensor) else v for k, v in features.items()
        }
        if settings.mask and "attention_mask" in features:
            hide_pieces(features, getattr(model.tokenizer, "mask_token_id", None), settings.mask)
        labels = torch.from_numpy(batch.labels).to(model.device)
        return model(features)["sentence_embedding"].float(), labels

    def first(step: int) -> dict[str, Tensor]:
        z, labels = embed(batches.stage_one(step))
        z = torch.nn.functional.normalize(z, dim=-1)
        loss = hierarchical_contrastive(
            z, labels[:, :-3], labels[:, -3], settings.temperature, settings.penalty
        )
        return {"hierarchy": loss}

    def second(step: int) -> dict[str, Tensor]:
        return criterion.parts(*embed(batches.stage_two(step)))

    stages = [(1, settings.stage1_steps, first), (2, settings.stage2_steps, second)]
    at = int(state["stage"]) if state else 1
    for stage, steps, loss_of in stages[at - 1 :]:
        log.info("stage %d: %d steps, %d texts", stage, steps, len(texts))
        optimise(
            model, loss_of, settings.optimisation(steps, base),
            state=state if stage == at else None,
            checkpoint=_of_stage(checkpoint, stage),
            progress=_of_stage_progress(progress, stage),
        )  # fmt: skip


def _of_stage(
    checkpoint: Callable[[dict[str, Any]], None] | None, stage: int
) -> Callable[[dict[str, Any]], None] | None:
    return (lambda state: checkpoint(state | {"stage": stage})) if checkpoint else None


def _of_stage_progress(progress: Progress | None, stage: int) -> Callable[[int, int], None] | None:
    return (lambda done, steps: progress(f"stage {stage}", done, steps)) if progress else None


def hide_pieces(features: dict[str, Any], mask_id: int | None, share: float) -> None:
    """Replace ``share`` of the word pieces by [MASK] in about half of the texts, in place.

    Nothing happens where the tokenizer has no such piece.
    """
    if mask_id is None:
        return
    ids, attention = features["input_ids"], features["attention_mask"]
    chosen = torch.rand(ids.shape, device=ids.device) < share
    chosen &= (torch.rand(len(ids), 1, device=ids.device) < 0.5) & attention.bool()
    chosen[:, 0] = False
    ids[chosen] = mask_id

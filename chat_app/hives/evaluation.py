"""The paper's embedding measures of one encoder: as numbers, and as an evaluator in training."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sentence_transformers.base.evaluation.evaluator import BaseEvaluator

from chat_app.hives.dataset import DatasetError
from chat_app.hives.encoder import text_prompt
from chat_app.hives.metrics import axis_orthogonality, rank_accuracy, similarity_correlation
from chat_app.hives.space import value_axis

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

METRICS = ("rank_acc_strict", "rank_acc_pairwise", "sim_corr", "axis_orthogonality")


def measure(
    z: NDArray[np.float32],
    paths: Sequence[tuple[str, ...]],
    directions: Sequence[int],
    *,
    draws: int = 10,
    seed: int = 0,
) -> dict[str, float]:
    """The measures of ``metrics`` by the names in ``METRICS``; nan where one is not defined.

    The axes are those of the paths that texts end at, each of the texts at or below it that
    support and oppose it. z: float32 [n, d] unit rows; paths and directions: n labels.
    """
    accuracy = rank_accuracy(z, paths, directions, draws=draws, seed=seed)
    axes = path_axes(z, paths, directions)
    return {
        "rank_acc_strict": accuracy.strict if accuracy.n else float("nan"),
        "rank_acc_pairwise": accuracy.pairwise if accuracy.n else float("nan"),
        "sim_corr": similarity_correlation(z, paths, directions),
        "axis_orthogonality": axis_orthogonality(np.array(list(axes.values()), dtype=np.float32)),
    }


def path_axes(
    z: NDArray[np.float32], paths: Sequence[tuple[str, ...]], directions: Sequence[int]
) -> dict[tuple[str, ...], NDArray[np.float32]]:
    """``space.value_axis`` of each path that has supporting and opposing texts."""
    signs = np.asarray(directions)
    axes = {}
    for path in sorted(set(paths)):
        rows = [i for i, p in enumerate(paths) if p[: len(path)] == path]
        axis = value_axis(z[rows], signs[rows])
        if axis is not None:
            axes[path] = axis
    return axes


class HivesEvaluator(BaseEvaluator):
    """Measures how well an encoder keeps the values' hierarchy, while it trains or after.

    A sentence-transformers evaluator: hand it to ``SentenceTransformerTrainer(evaluator=...)``, or
    call it. Returns a dict with ``{name}_rank_acc_strict``, ``{name}_rank_acc_pairwise``,
    ``{name}_sim_corr`` and ``{name}_axis_orthogonality``, all better when greater (see
    ``metrics``); ``{name}_rank_acc_pairwise`` is the primary metric. With an ``output_path`` a row
    is added to ``hives_evaluation_{name}_results.csv`` there.

    texts: n of them; paths: for each, theory and names down to its value; directions: -1, 0 or 1.

        evaluator = HivesEvaluator(
            ["I sat up with her.", "Let them fend for themselves."],
            [("mft", "care/harm"), ("mft", "care/harm")], [1, -1], name="dev",
        )
        evaluator(model)["dev_sim_corr"]

    Reference: VALUEFLOW (arXiv 2602.03160), the evaluation of HIVES. Raises DatasetError where
    the lists are not of one length.
    """

    def __init__(
        self,
        texts: Sequence[str],
        paths: Sequence[tuple[str, ...]],
        directions: Sequence[int],
        *,
        name: str = "",
        draws: int = 10,
        seed: int = 0,
        batch_size: int = 64,
        write_csv: bool = True,
    ) -> None:
        super().__init__()
        if not len(texts) == len(paths) == len(directions):
            raise DatasetError(
                f"{len(texts)} texts came with {len(paths)} paths and {len(directions)} directions."
            )
        self.texts, self.name = list(texts), name
        self.paths = [tuple(path) for path in paths]
        self.directions = [int(sign) for sign in directions]
        self.draws, self.seed, self.batch_size = draws, seed, batch_size
        self.write_csv = write_csv
        self.csv_file = f"hives_evaluation{f'_{name}' if name else ''}_results.csv"
        # As the results are keyed, already before the first of them.
        self.primary_metric = f"{name}_rank_acc_pairwise" if name else "rank_acc_pairwise"

    def __call__(
        self,
        model: "SentenceTransformer",
        output_path: str | None = None,
        epoch: int = -1,
        steps: int = -1,
    ) -> dict[str, float]:
        z = model.encode(
            self.texts,
            prompt=text_prompt(model.prompts, model.default_prompt_name) or None,
            batch_size=self.batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        found = measure(
            np.asarray(z, dtype=np.float32),
            self.paths,
            self.directions,
            draws=self.draws,
            seed=self.seed,
        )
        if output_path is not None and self.write_csv:
            self._add_row(Path(output_path) / self.csv_file, epoch, steps, found)
        metrics: dict[str, float] = self.prefix_name_to_metrics(found, self.name)
        self.store_metrics_in_model_card_data(model, metrics, epoch, steps)
        return metrics

    @staticmethod
    def _add_row(path: Path, epoch: int, steps: int, found: dict[str, float]) -> None:
        fresh = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(["epoch", "steps", *METRICS])
            writer.writerow([epoch, steps, *(found[name] for name in METRICS)])

    def get_config_dict(self) -> dict[str, Any]:
        return {"draws": self.draws, "seed": self.seed}

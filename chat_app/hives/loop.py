"""The optimisation loop of an encoder: plain torch, one process, any device.

It knows nothing of texts: it minimises what ``loss_of(step)`` returns.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from chat_app.errors import ValueflowError

log = logging.getLogger(__name__)


class TrainingError(ValueflowError):
    """A training run that cannot start or go on."""


@dataclass(frozen=True)
class Optimisation:
    """AdamW: linear warm-up over ``warmup`` of ``steps``, then a cosine down to zero.

    seed: of dropout and of whatever ``loss_of`` draws from torch; clip: largest norm of the
    gradient; checkpoint_every, log_every: in steps; half: bfloat16 on a processor, too, which not
    all processors compute quickly; seconds: by when the cosine is down at the latest, and the
    training over, however many steps were done.
    """

    steps: int
    learning_rate: float
    warmup: int = 50
    weight_decay: float = 0.05
    clip: float = 1.0
    seed: int = 0
    log_every: int = 25
    checkpoint_every: int = 100
    half: bool = False
    seconds: float = math.inf

    def rate(self, step: int, seconds: float = 0.0) -> float:
        """The share of the learning rate that step 0, 1, ... takes, ``seconds`` after the start."""
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        done = min(1.0, max(0.0, done, seconds / self.seconds))
        return min(1.0, (step + 1) / max(1, self.warmup)) * 0.5 * (1 + math.cos(math.pi * done))


def optimise(
    module: nn.Module,
    loss_of: Callable[[int], Mapping[str, Tensor]],
    how: Optimisation,
    *,
    state: Mapping[str, Any] | None = None,
    checkpoint: Callable[[dict[str, Any]], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Train ``module`` in place: each step minimises the sum of ``loss_of(step)``'s scalars.

    The step's number seeds torch, so that a run that goes on from ``state``, which an earlier one
    gave to ``checkpoint``, does what it would have done. Half precision (bfloat16) where the
    module is on a graphics card that computes in it. ``progress(done, steps)`` after each step.

    Raises TrainingError where the loss is no number any more.
    """
    optimiser = torch.optim.AdamW(
        module.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay, betas=(0.9, 0.98)
    )
    done = 0
    if state is not None:
        module.load_state_dict(state["module"])
        optimiser.load_state_dict(state["optimiser"])
        done = int(state["step"])
    device = next(module.parameters()).device
    half = how.half or (device.type == "cuda" and torch.cuda.is_bf16_supported())
    module.train()
    started = time.monotonic()
    for step in range(done, how.steps):
        elapsed = time.monotonic() - started
        last = step + 1 == how.steps or elapsed >= how.seconds
        torch.manual_seed((how.seed * 1_000_003 + step) % 2**63)
        for group in optimiser.param_groups:
            group["lr"] = how.learning_rate * how.rate(step, elapsed)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            parts = loss_of(step)
        loss = sum(parts.values(), torch.zeros((), device=device))
        if not bool(torch.isfinite(loss)):
            raise TrainingError(
                f"The loss is no number any more at step {step + 1}: try a lower learning rate "
                f"than {how.learning_rate:g}."
            )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), how.clip)
        optimiser.step()
        if (step + 1) % how.log_every == 0 or step == done:
            said = "  ".join(f"{name} {part.item():.4f}" for name, part in parts.items())
            log.info("step %d  %s  %.0f s", step + 1, said, time.monotonic() - started)
        if checkpoint and ((step + 1) % how.checkpoint_every == 0 or last):
            checkpoint(
                {
                    "module": module.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "step": step + 1,
                }
            )
        if progress:
            progress(step + 1, how.steps)
        if last:
            break
    module.eval()

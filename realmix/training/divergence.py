"""What is said of a loss that is no number."""

from __future__ import annotations

from realmix.base.errors import DivergedError
from realmix.contract.algorithm import Batch, Recipe


def diverged(step: int, steps: int, batch: Batch, recipe: Recipe) -> DivergedError:
    """An error that names the step, its rows, and what to try.

    Args:
        step: at which the loss became NaN or infinite.
        steps: of the whole training.
        batch: of that step.
        recipe: of the training.
    """
    return DivergedError(
        f"The loss became NaN or infinite at step {step} of {steps}.\n"
        f"Rows of that batch: labeled {batch.labeled.index.tolist()[:8]} ...,"
        f" unlabeled {batch.unlabeled.index.tolist()[:8]} ...\n"
        f"Look for extreme values in them, or lower the learning rate"
        f" (now {recipe.learning_rate}): --set learning_rate={recipe.learning_rate / 3:.1g}"
    )

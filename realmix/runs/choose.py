"""`--algorithm auto`: which method to try, by a rule that docs/choosing.md states and explains."""

from __future__ import annotations

from realmix.contract.algorithm import Facts

AUTO = "auto"
LONG = 50_000  # optimizer steps from which published long runs are the better guide
FEW = 10  # labels of a class, up to which one threshold for all classes starves some


def resolved(name: str, facts: Facts, steps: int) -> tuple[str, str]:
    """The method that is meant, and why if it was chosen here; a name other than auto is itself.

    Args:
        name: what was asked for.
        facts: kind of data, labels, pool.
        steps: optimizer steps of a training.
    """
    if name != AUTO:
        return name, ""
    if facts.num_unlabeled == 0:
        return "supervised", "there is no unlabeled data"
    if not facts.is_images:
        return "label_propagation", "on feature rows it has helped without doing harm"
    if steps < LONG:
        return "mixmatch", f"trainings of {steps:,} steps are too short for confidence thresholds"
    if facts.num_labeled <= FEW * facts.num_classes:
        return "flexmatch", "with few labels a class, each class needs a threshold of its own"
    return "fixmatch", "long trainings reward confident labels of strongly augmented images"

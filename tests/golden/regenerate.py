"""The first ten losses of every algorithm, float64 on the CPU, stored beside this file.

A refactoring must not change them. An intended change runs

    python -m tests.golden.regenerate

and commits the new numbers with the reason.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from realmix.algorithms import ALGORITHMS
from realmix.contract.algorithm import Batch, Nets, Step
from realmix.contract.state import Ema
from realmix.training.optimizer import Optimizer
from tests import tiny

FOLDER = Path(__file__).parent
STEPS, TOTAL = 10, 40  # so the ramps are partly up

CASES: dict[str, tuple[str, dict[str, object]]] = {
    "supervised": ("supervised", {}),
    "supervised_mixup": ("supervised", {"alpha": 0.5}),
    "adversarial": ("adversarial", {}),
    "adversarial_l2": ("adversarial", {"norm": "l2", "epsilon": 0.5, "weight": 0.3}),
    "entropy_minimization": ("entropy_minimization", {}),
    "pseudo_label": ("pseudo_label", {"ramp_start": 0.0}),
    "pseudo_label_confident": (
        "pseudo_label",
        {"threshold": 0.5, "weight": 1.0, "ramp_start": 0.0, "ramp_end": 0.4},
    ),
    "vat": ("vat", {}),
    "vat_entropy": ("vat", {"epsilon": 0.5, "iterations": 2, "xi": 0.01, "entropy_weight": 1.0}),
    "uda": ("uda", {"threshold": 0.5}),
    "uda_annealed": (
        "uda",
        {"threshold": 0.5, "temperature": 0.85, "annealing": "exp", "entropy_weight": 0.1},
    ),
    "mean_teacher": ("mean_teacher", {}),
    "mean_teacher_kl": ("mean_teacher", {"distance": "kl"}),
    "mean_teacher_noise": (
        "mean_teacher",
        {"student_noise": 0.15, "teacher_noise": 0.3, "early_decay": 0.2, "ramp_end": 0.1},
    ),
    "pi_model": ("pi_model", {}),
    "pi_model_one_sided": ("pi_model", {"one_sided": True, "on_labeled": False, "noise": 0.3}),
    "temporal_ensembling": ("temporal_ensembling", {}),
    "ict": ("ict", {"alpha": 1.0}),
    "ict_logits": ("ict", {"mixed": "logits", "mix_labeled": False, "alpha": 1.0}),
    "mixmatch": ("mixmatch", {"ramp_steps": 20}),
    "mixmatch_released": (
        "mixmatch",
        {"compatibility": "released", "augmentations": 3, "ramp_steps": 5},
    ),
    "ladder": ("ladder", {}),
    "arazo": ("arazo", {"warm_up": 0.05}),
    "mixmatch_ablated": ("mixmatch", {"mixing": "separate", "ema_guess": True, "ramp_steps": 20}),
    "remixmatch": ("remixmatch", {"augmentation": "rand_augment", "ramp_steps": 20}),
    "remixmatch_released": (
        "remixmatch",
        {
            "augmentation": "rand_augment",
            "compatibility": "released",
            "strong_views": 2,
            "ramp_steps": 5,
        },
    ),
    "fixmatch": ("fixmatch", {"threshold": 0.7}),
    "fixmatch_aligned": (
        "fixmatch",
        {"threshold": 0.7, "alignment": True, "annealing": "log"},
    ),
    "adamatch": ("adamatch", {"threshold": 0.7, "ramp_end": 0.25}),
    "flexmatch": ("flexmatch", {"threshold": 0.7}),
    "freematch": ("freematch", {"fairness_weight": 0.5}),
    "softmatch": ("softmatch", {}),
    "meta_pseudo_labels": ("meta_pseudo_labels", {"wait": 0.0, "ramp_steps": 20}),
    "meta_pseudo_labels_released": (
        "meta_pseudo_labels",
        {"compatibility": "released", "wait": 0.0},
    ),
    "realmix": ("realmix", {"out_of_distribution": 0.25, "ramp_steps": 20}),
    "realmix_released": (
        "realmix",
        {
            "out_of_distribution": 0.25,
            "compatibility": "released",
            "annealing": "exp",
            "ramp_steps": 5,
        },
    ),
}


def batch_of(views, index: int) -> Batch:
    """Clusters with noise; another draw at each step."""
    rng = np.random.default_rng([7, index])
    centers = np.random.default_rng(7).normal(size=(tiny.CLASSES, tiny.FEATURES))

    def rows(label, count):
        noise = rng.normal(size=(count, len(label), tiny.FEATURES))
        return [torch.from_numpy(2 * centers[label] + one) for one in noise]

    label = rng.integers(0, tiny.CLASSES, 12)
    pool = rng.integers(0, tiny.CLASSES, 12 if views.unlabeled else 0)
    return Batch(
        tiny.examples(rows(label, len(views.labeled)), torch.from_numpy(label)),
        tiny.examples(rows(pool, len(views.unlabeled)), torch.full((len(pool),), -1)),
    )


def losses(case: str) -> list[dict[str, float]]:
    """Every term at each of the first steps."""
    name, fields = CASES[case]
    algorithm = ALGORITHMS[name].from_fields(fields)
    student = tiny.normalizing_network(seed=3)
    ema = Ema(student, algorithm.recipe.ema_decay)
    nets = Nets(student, ema.network)
    algorithm.setup(nets, tiny.facts())
    apart = {name: algorithm.get_submodule(name) for name in algorithm.trained_apart}
    own = [part for name, part in algorithm.named_children() if name not in apart]
    optimizer = Optimizer([student, *own], algorithm.recipe, apart)
    history = []
    for index in range(STEPS):
        step = Step(index, TOTAL, torch.Generator().manual_seed(index))
        optimizer.anneal(step.progress)
        result = algorithm.update(nets, optimizer, batch_of(algorithm.views, index), step)
        ema.update(student, index, algorithm.ema_decay(step))
        history.append({term: value.item() for term, value in result.terms.items()})
    return history


def main() -> None:
    for case in CASES:
        (FOLDER / f"{case}.json").write_text(json.dumps(losses(case), indent=1) + "\n")


if __name__ == "__main__":
    main()

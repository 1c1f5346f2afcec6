"""What the papers claim, each as one experiment that two cores can do, with its result.

    python -m benchmarks.claims [NAME ...] [--jobs 2]

A claim compares a first variant with others on digits, paired by seed. It counts as confirmed when
the 95 % interval of the difference lies above 0, as refuted when it lies below, and as not decided
otherwise. records/claims/README.md has them all.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.accuracy import TASKS
from benchmarks.records import (
    DEVICE,
    Line,
    by_seed,
    complete,
    gain,
    interval,
    lines_of,
    made_with,
    spread,
    trained_accuracy,
    versions_of,
)
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.functional.adversarial import fgsm
from realmix.functional.losses import cross_entropy
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

STEPS, SEEDS = TASKS["digits"].steps, 5
RATIO = TASKS["digits"].fields["uda"]  # of pool to labels, as in the table of all methods
Measure = Callable[[Dataset, int], float]
Variant = tuple[str, dict[str, Any]] | Measure
"""An algorithm with fields, or what measures a figure of its own for a data set and a seed."""


@dataclass(frozen=True)
class Claim:
    """That the first variant is better than each other one.

    Attributes:
        says: the claim in words.
        source: who says it.
        variants: by name, the one that should win first.
        labels: of digits.
    """

    says: str
    source: str
    variants: dict[str, Variant]
    labels: int = 20


def prepared(dataset: Dataset, algorithm: str, seed: int, fields: dict[str, Any]) -> Phases:
    torch.set_num_threads(1)
    config = Config(
        "benchmark",
        algorithm=algorithm,
        steps=STEPS,
        seed=seed,
        gate="none",
        fields=fields,
        device=DEVICE,
    )
    return Phases(dataset, config, None, Silent())


def weakly_augmented(algorithm: str, fields: dict[str, Any]) -> Measure:
    """Accuracy of a method whose strong views are weak ones."""

    def measure(dataset: Dataset, seed: int) -> float:
        phases = prepared(dataset, algorithm, seed, fields)
        phases.rows.views = {**phases.rows.views, "strong": phases.rows.views["weak"]}
        phase = phases.only
        network = phases.trained(phase, phases.stages(phase, STEPS, None, Silent()))
        return accuracy(phases, network)

    return measure


def of_mean_teacher(network: str) -> Measure:
    """Mean Teacher's teacher, or its student, after the same training."""

    def measure(dataset: Dataset, seed: int) -> float:
        phases = prepared(dataset, "mean_teacher", seed, {})
        trainer = phases.trainer(phases.only, STEPS).run()
        return accuracy(phases, trainer.nets.ema if network == "teacher" else trainer.student)

    return measure


def under_attack(algorithm: str) -> Measure:
    """Accuracy where every test image took one FGSM step of 0.1 (of 2, the range of inputs)."""

    def measure(dataset: Dataset, seed: int) -> float:
        phases = prepared(dataset, algorithm, seed, {})
        phase = phases.only
        network = phases.trained(phase, phases.stages(phase, STEPS, None, Silent()))
        assert dataset.test_inputs is not None
        assert dataset.test_label is not None
        network.eval()
        tests = torch.from_numpy(dataset.test_inputs).to(phases.device)
        rows = phases.rows.views["plain"](tests, None)
        label = torch.from_numpy(dataset.test_label).to(phases.device)
        rows.requires_grad_()
        step = fgsm(cross_entropy(network(rows), label), rows, 0.1, "inf")
        with torch.no_grad():
            return float((network(rows + step).argmax(1) == label).float().mean())

    return measure


def accuracy(phases: Phases, network: torch.nn.Module) -> float:
    dataset = phases.dataset
    assert dataset.test_inputs is not None
    assert dataset.test_label is not None
    probs = phases.rows.probs(network, torch.from_numpy(dataset.test_inputs))
    return float((probs.argmax(1) == dataset.test_label).mean())


PUBLISHED_LABELED = {"batch_size": 16, "unlabeled_ratio": 5, "warm_up": 0.0}
FEW_LABELED = {"batch_size": 4, "unlabeled_ratio": 23, "warm_up": 0.0}
CALM = {"student_dropout": 0.0, "student_stochastic_depth": 0.0}
CLAIMS = {
    "realmix_mixmatch": Claim(
        "RealMix is better than MixMatch with few labels",
        "RealMix",
        {"realmix": ("realmix", {}), "mixmatch": ("mixmatch", {})},
    ),
    "annealing": Claim(
        "Training signal annealing helps with few labels",
        "RealMix",
        {"linear": ("realmix", {}), "off": ("realmix", {"annealing": "off"})},
    ),
    "annealing_uda": Claim(
        "With few labels the training signal is best released late (exp)",
        "UDA",
        {
            "exp": ("uda", {"annealing": "exp", **RATIO}),
            "linear": ("uda", {"annealing": "linear", **RATIO}),
            "log": ("uda", {"annealing": "log", **RATIO}),
            "off": ("uda", RATIO),
        },
    ),
    "averaging": Claim(
        "A guess from two augmentations is better than from one",
        "MixMatch",
        {"two": ("mixmatch", {}), "one": ("mixmatch", {"augmentations": 1})},
    ),
    "copies": Claim(
        "More stored copies of the pool are better",
        "RealMix",
        {
            "50": ("realmix", {"copies": 50}),
            "25": ("realmix", {"copies": 25}),
            "1": ("realmix", {"copies": 1}),
        },
    ),
    "extension": Claim(
        "Cutout extends the pool better than crop and flip",
        "RealMix",
        {
            "cutout": ("realmix", {}),
            "simple": ("realmix", {"extension": "simple"}),
            "none": ("realmix", {"extension": "none"}),
        },
    ),
    "teacher": Claim(
        "The averaged teacher is better than its student",
        "Mean Teacher",
        {"teacher": of_mean_teacher("teacher"), "student": of_mean_teacher("student")},
    ),
    "teacher_noise": Claim(
        "The student needs noise on its inputs, the teacher does not",
        "Mean Teacher",
        {
            "student only": ("mean_teacher", {"student_noise": 0.15}),
            "both": ("mean_teacher", {"student_noise": 0.15, "teacher_noise": 0.15}),
            "teacher only": ("mean_teacher", {"teacher_noise": 0.15}),
        },
    ),
    "distance": Claim(
        "Squared error is a better consistency than KL",
        "Mean Teacher",
        {"squared error": ("mean_teacher", {}), "kl": ("mean_teacher", {"distance": "kl"})},
    ),
    "soft_labels": Claim(
        "Soft pseudo-labels are better than hard ones",
        "Noisy Student",
        {"soft": ("noisy_student", {}), "hard": ("noisy_student", {"soft": False})},
    ),
    "student_noise": Claim(
        "The student needs noise",
        "Noisy Student",
        {
            "noisy": ("noisy_student", {}),
            "strong views only": ("noisy_student", CALM),
            "dropout only": weakly_augmented("noisy_student", {}),
            "no noise": weakly_augmented("noisy_student", CALM),
        },
    ),
    "student_pool": Claim(
        "The student learns from the pool, not from strong views of the labels alone",
        "Noisy Student",
        {
            "noisy": ("noisy_student", {}),
            "labels alone, strong views": ("supervised", {"view": "strong"}),
            "labels alone": ("supervised", {}),
        },
    ),
    "strong_views": Claim(
        "Consistency needs strong augmentation",
        "UDA",
        {"strong": ("uda", RATIO), "weak": weakly_augmented("uda", RATIO)},
    ),
    "minimum_labeled": Claim(
        "A minimum of labels in each batch is better than few with more weight",
        "Arazo et al.",
        {
            # no warm-up: on batches of 4 labels alone it ruins the network for all that follows
            "16 of 96": ("arazo", PUBLISHED_LABELED),
            "4 of 96": ("arazo", FEW_LABELED),
            "4 of 96, weight 4": ("arazo", {**FEW_LABELED, "labeled_weight": 4.0}),
        },
    ),
    "mixmatch_parts": Claim(
        "MixMatch needs sharpening and mixing",
        "MixMatch",
        {
            "whole": ("mixmatch", {}),
            "no sharpening": ("mixmatch", {"temperature": 1.0}),
            "no mixing": ("mixmatch", {"mixing": "none"}),
            "labeled mixed only": ("mixmatch", {"mixing": "labeled"}),
            "pool mixed only": ("mixmatch", {"mixing": "unlabeled"}),
            "guess by average": ("mixmatch", {"ema_guess": True}),
        },
    ),
    "robustness": Claim(
        "Noisy Student withstands FGSM better than its teacher",
        "Noisy Student",
        {"student": under_attack("noisy_student"), "teacher": under_attack("supervised")},
    ),
}


def run(name: str, variant: str, seed: int) -> Line:
    """One training of one variant and its figure on the test rows."""
    claim = CLAIMS[name]
    measured = claim.variants[variant]
    dataset = load(f"digits@{claim.labels}", seed=seed)
    started = time.monotonic()
    if callable(measured):
        figure = measured(dataset, seed)
    elif (known := in_the_table(*measured, claim.labels)).get(seed) is not None:
        figure = known[seed]
    else:
        figure = trained_accuracy(dataset, measured[0], STEPS, seed, measured[1])
    return {
        "claim": name,
        "variant": variant,
        "seed": seed,
        "accuracy": figure,
        "seconds": round(time.monotonic() - started, 1),
        "versions": made_with(),
    }


def in_the_table(algorithm: str, fields: dict[str, Any], labels: int) -> dict[int, float]:
    """What the record of all methods on digits has of the same training, by seed."""
    return by_seed(lines_of("digits"), algorithm=algorithm, labels=labels, fields=fields)


def verdict(change: tuple[float, float, float]) -> str:
    """What an interval says of a claimed gain.

    >>> verdict((0.02, 0.01, 0.03)), verdict((0.0, -0.1, 0.1)), verdict((-0.2, -0.3, -0.1))
    ('confirmed', 'not decided', 'refuted')
    """
    return "confirmed" if change[1] > 0 else "refuted" if change[2] < 0 else "not decided"


def summary() -> str:
    lines = lines_of("claims")
    rows = [
        "# Claims of the papers on digits",
        "",
        f"`python -m benchmarks.claims`: {STEPS} steps a training, {SEEDS} seeds of labels and"
        " training, test accuracy ± standard deviation; the differences are paired by seed. Digits"
        " of 8 by 8 pixels and short runs: what is refuted here may hold on large images, and the"
        " other way round.",
        "",
        "| claim | source | labels | first | against | difference, 95 % interval | |",
        "|---|---|---:|---|---|---|---|",
    ]
    for name, claim in CLAIMS.items():
        rows += _rows(name, claim, lines)
    return "\n".join([*rows, "", *versions_of(lines), ""])


def _rows(name: str, claim: Claim, lines: list[Line]) -> Iterator[str]:
    first, *others = claim.variants
    base = by_seed(lines, claim=name, variant=first)
    for other in others:
        found = by_seed(lines, claim=name, variant=other)
        change = gain(base, found)
        if change:
            yield (
                f"| {claim.says} | {claim.source} | {claim.labels} | {first}: {spread(base)} |"
                f" {other}: {spread(found)} | {interval(change)} | {verdict(change)} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CLAIMS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    wanted = [
        (name, variant, seed)
        for name in given.names or CLAIMS
        for seed in range(SEEDS)
        for variant in CLAIMS[name].variants
    ]
    complete("claims", run, wanted, ("claim", "variant", "seed"), summary, given.jobs)


if __name__ == "__main__":
    main()

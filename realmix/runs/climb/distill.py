"""What a finished run ships, taught to a small network (Chen et al., 2020, section 2, step 3)."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from realmix.base.errors import UsageError
from realmix.base.files import write_json
from realmix.base.randomness import derive
from realmix.base.wording import printable
from realmix.data.pools import Data, Dataset
from realmix.data.scenarios.truth import taken
from realmix.encoders.texts.tfidf import TFIDF
from realmix.evaluate.metrics import Estimate, Floats
from realmix.models import merged
from realmix.procedures.noisy_student import Noised
from realmix.report.record import Run, read_run
from realmix.runs.augmentation import augmented, encoding_of
from realmix.runs.budget import MINUTES
from realmix.runs.choose import default_steps
from realmix.runs.classifier import MODEL, Classifier
from realmix.runs.climb.tuning import learned_from
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.run import read
from realmix.runs.run_folder import locked, saved_config, start
from realmix.runs.watch import Silent, Watch
from realmix.training.parallel import inner
from realmix.training.stages import Stages

FIGURES = "distilled.json"
HELD, MOST_HELD = 10, 1000  # of the pool each tenth row, and at most so many, are not taught
TRIAL = 8  # steps, to learn what one costs
SMOOTHING = 0.1  # of the labels, as of a noisy student
KNOWING = 45  # stream of randomness


@dataclass(frozen=True)
class Distilled:
    """The small network, and the figures of both."""

    classifier: Classifier
    figures: dict[str, Any]


def distill(
    run: Path,
    out: Path,
    network: str = "auto",
    steps: int | None = None,
    minutes: float | None = None,
    watch: Watch | None = None,
) -> Distilled:
    """Train a small network from scratch on what a run's model says of its pool, and its labels.

    H(y, p(strong x)) + r H(q, p(strong u)), q what ships says of u. Texts are words and characters.

    Args:
        run: folder of a finished run.
        out: folder of the small model; the same call goes on with what was interrupted.
        network: its name; "auto" is a ConvNet for pictures, an MLP for rows and texts.
        steps: optimizer steps; by default as many as suit the data and fit into the minutes.
        minutes: about how long it may take; 15 by default.
        watch: looks on.

    Raises:
        UsageError: the run has no pool, or its data are not as they were.
        DataError, StorageError: the run is not finished, or a file is damaged.
        Interrupted: the watch asked to stop; the same call goes on.
    """
    watch = watch or Silent()
    taught_by = read_run(run)
    config = _config(taught_by, network)
    watch.doing("reading the data")
    dataset = read(config)
    probs = _answers(taught_by, dataset)
    watch.doing("learning what the run's model says of the pool")
    with locked(out):
        begun = saved_config(out) or {}
        held = _held(len(probs), config.seed)
        student = _Student(dataset, probs, held, config, out, watch)
        settled = begun.get("steps") or steps or student.affordable(minutes or MINUTES)
        start(out, config, {"digest": {}, "steps": settled, "run": str(run)})
        classifier = student.train(settled)
        classifier.save(out / MODEL)
        figures = _figures(taught_by, run, out, dataset, probs, held, classifier)
        figures |= {"steps": settled, "network": student.phases.networks.model}
        write_json(out / FIGURES, figures)
    return Distilled(classifier, figures)


class _Student:
    """The training of the small network.

    Args:
        dataset: what was read, without features.
        probs: (N, K) of the pool, in its order.
        held: rows of the pool that are not taught.
        config, folder, watch: of the training.
    """

    def __init__(
        self,
        dataset: Dataset,
        probs: Floats,
        held: np.ndarray,
        config: Config,
        folder: Path,
        watch: Watch,
    ) -> None:
        self.folder, self.watch, self.config = folder, watch, config
        pool = np.flatnonzero(dataset.label < 0)
        left_out = np.zeros(len(dataset.label), bool)
        left_out[pool[held]] = True
        self.soft = np.delete(probs, held, axis=0)
        dataset = augmented(taken(dataset, np.flatnonzero(~left_out)), config, None, watch).dataset
        encoding = encoding_of(dataset, config, watch)
        self.dataset = learned_from(dataset, encoding, config)
        self.phases = Phases(self.dataset, config, None, watch, steps=1)

    def told(self, stages: Stages) -> Data:
        """The pool with the answers."""
        pool = stages.data.unlabeled
        label = torch.from_numpy(self.soft).to(pool.inputs.device)
        return replace(stages.data, unlabeled=replace(pool, label=label))

    def learned(self, steps: int, folder: Path | None, watch: Watch) -> nn.Module:
        stages = self.phases.stages(self.phases.only, steps, folder, watch)
        teaching = Noised(float(stages.recipe.unlabeled_ratio), SMOOTHING)
        return stages.train(teaching, "distilled", data=self.told(stages))

    def affordable(self, minutes: float) -> int:
        """Steps that fit into the minutes, but no more than suit the data."""
        started = time.monotonic()
        self.learned(TRIAL, None, Silent())
        each = (time.monotonic() - started) / TRIAL
        return max(min(int(60 * minutes / each), default_steps(self.phases.rows.shape)), 1)

    def train(self, steps: int) -> Classifier:
        """All steps, or those that are left."""
        self.watch.plan({self.phases.only.name: steps}, f"{steps:,} steps")
        network = self.learned(steps, self.folder / "checkpoints", self.watch)
        rows, dataset, kept = self.phases.rows, self.dataset, self.dataset.encoded
        counts = np.bincount(dataset.label[rows.known], minlength=len(dataset.classes))
        return Classifier(
            network=merged(inner(network)),
            classes=dataset.classes,
            model=self.phases.networks.model,
            shape=rows.shape,
            preset=dataset.preset,
            standardizer=rows.standardizer,
            about={
                "algorithm": "distilled",
                "shipped": "candidate",
                "reason": "It learned what another model says of the pool.",
                "columns": dataset.columns,
                "encoding": dataset.encoding and dataset.encoding.to_json(),
                "scale": dataset.scale,
                "label_column": self.config.label_column,
                "group": self.config.group,
                "label_counts": counts.tolist(),
            },
            encoder=kept.reference if kept else None,
            embedded=kept.state if kept else None,
        )


def _config(run: Run, network: str) -> Config:
    """Of the small network's training: the run's data, and nothing pretrained."""
    given = Config.from_json(run.config["config"])
    texts = run.result["encoder"] is not None and run.result["encoder"]["size"] is None
    return replace(
        given,
        algorithm="noisy_student",  # whose last student this is
        model=network,
        encoder=TFIDF if texts else None,
        image_size=None if given.encodes else given.image_size,
        gate="none",
        fields={},
        tune=None,
        views=None,
        init=None,
        minutes=None,
        class_weight=None,
        embed_encoder=False,
        single=False,
    )


def _answers(run: Run, dataset: Dataset) -> Floats:
    """(N, K) what the run's model said of the pool that was read.

    Raises:
        UsageError: they do not belong together, or there is no pool.
    """
    probs = run.evidence.get("pool_shipped")
    pool = np.flatnonzero(dataset.label < 0)
    if probs is None or len(probs) == 0:
        raise UsageError(f"The run in {printable(run.folder)} has no pool that it could teach by.")
    names = dataset.names or tuple(f"row {row}" for row in range(len(dataset.label)))
    if len(probs) != len(pool) or [names[row] for row in pool] != list(run.evidence["pool_names"]):
        raise UsageError(
            f"The pool of {printable(run.config['config']['data'])} is not that of the run in"
            f" {printable(run.folder)}: it has changed, or sentences of a bank had joined it. Fit"
            " again, and distil that run."
        )
    return probs.astype(np.float32)


def _held(count: int, seed: int) -> np.ndarray:
    """Rows of the pool that are not taught, to see how the small network answers for them."""
    order = np.random.default_rng(derive(seed, KNOWING)).permutation(count)
    return np.sort(order[: min(count // HELD, MOST_HELD)])


def _figures(
    run: Run,
    folder: Path,
    out: Path,
    dataset: Dataset,
    probs: Floats,
    held: np.ndarray,
    small: Classifier,
) -> dict[str, Any]:
    """Size of both, how often they agree, and the accuracy of both on test rows."""
    rows = np.flatnonzero(dataset.label < 0)[held]
    same = small.predict_proba(dataset.inputs[rows]).argmax(1) == probs[held].argmax(1)
    test, exam = run.result["test"], None
    if dataset.test_inputs is not None and dataset.test_label is not None:
        exam = Estimate.of(small.predict_proba(dataset.test_inputs), dataset.test_label).to_json()
    return {
        "run": str(folder),
        "agreement": float(same.mean()) if len(held) else None,
        "agreement_rows": len(held),
        "test": exam,
        "teacher_test": test and test["shipped"],
        "bytes": (out / MODEL).stat().st_size,
        "teacher_bytes": (folder / MODEL).stat().st_size,
        "teacher": "; ".join(run.result["network"]),
        "teacher_encoder": (run.result["encoder"] or {}).get("name"),
    }

"""One run in memory: trainings, the comparison on held-out labels, and the model that ships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from realmix.contract.algorithm import Algorithm, Views
from realmix.training import parallel
from realmix.runs.classifier import Classifier
from realmix.evaluate.evidence import (
    Evidence,
    held_out_evidence,
    oracle_figures,
    pool_evidence,
    test_figures,
)
from realmix.evaluate.gate import decide
from realmix.evaluate.pictures import mistake_evidence, view_evidence
from realmix.runs.phases import Phases, Trained


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the classifier that ships, the figures, and what the report shows."""

    classifier: Classifier
    result: dict[str, Any]
    evidence: Evidence


class Experiment:
    """The trainings of a run, and what is made of them.

    Args:
        phases: all trainings, checked.
    """

    def __init__(self, phases: Phases) -> None:
        self.phases, self.dataset, self.config = phases, phases.dataset, phases.config

    def run(self) -> Outcome:
        """Train, compare, and choose.

        Raises:
            Interrupted: when the watch asks to stop; the same call continues.
        """
        phases, done = self.phases, self.phases.run()
        held = self._held_out(done)
        last = {name: done[i - len(phases.contenders)] for i, name in enumerate(phases.contenders)}
        verdict = decide(
            held["heldout_label"],
            held["heldout_baseline"],
            held["heldout_model"],
            algorithm=phases.candidate,
            rule=phases.plan.rule,
        )
        ships = verdict.shipped if self.config.gate else phases.candidate
        network = last[ships].network
        pool_probs = phases.probs(network, phases.inputs[phases.pool_rows])
        evidence = {**held, **self._tested(last), **pool_evidence(self.dataset, pool_probs)}
        which = "model" if ships == phases.candidate else "baseline"
        evidence |= self._pictures(evidence, which)
        result = {
            **verdict.to_json(),
            "shipped": ships,
            "reason": verdict.reason if self.config.gate else phases.plan.rule,
            "gated": self.config.gate,
            "test": test_figures(evidence, gated=self.config.gate),
            "pseudo_labels": oracle_figures(self.dataset, pool_probs),
            **self._costs(done),
        }
        return Outcome(self._classifier(last[ships], result), result, evidence)

    def _pictures(self, evidence: Evidence, which: str) -> Evidence:
        """Rows for the report: augmented, and mistakes of the model that ships."""
        phases = self.phases
        method = phases.method(phases.candidate)
        asked = method.views if isinstance(method, Algorithm) else Views(("weak",), ("strong",))
        held = np.concatenate([np.zeros(0, np.int64), *(held for _, held in phases.plan.folds)])
        seen = view_evidence(self.dataset, phases.views, asked, self.config.seed)
        return seen | mistake_evidence(self.dataset, held, evidence, which)

    def _costs(self, done: list[Trained]) -> dict[str, Any]:
        return {
            "labels": len(self.phases.known),
            "unlabeled": len(self.phases.pool_rows),
            "classes": list(self.dataset.classes),
            "steps": self.phases.steps,
            "seconds": round(sum(phase.seconds for phase in done), 1),
            "images_seen": sum(phase.images_seen for phase in done),
        }

    def _held_out(self, done: list[Trained]) -> Evidence:
        """Predictions of baseline and model on every held-out row."""
        folds, each = self.phases.plan.folds, len(self.phases.contenders)
        baseline, model = (
            [trained.held for trained in done[first : len(folds) * each : each]]
            for first in (0, each - 1)
        )
        return held_out_evidence(self.dataset, folds, baseline, model)

    def _tested(self, last: dict[str, Trained]) -> Evidence:
        """Predictions on the test data, which are opened here and nowhere before."""
        raw, label = self.dataset.test_inputs, self.dataset.test_label
        if raw is None or label is None:
            return {}
        rows = torch.from_numpy(self.phases.standardizer(raw) if self.phases.standardizer else raw)
        pair = self.phases.contenders[0], self.phases.contenders[-1]
        baseline, model = (self.phases.probs(last[name].network, rows) for name in pair)
        return {"test_label": label, "test_baseline": baseline, "test_model": model}

    def _classifier(self, trained: Trained, result: dict[str, Any]) -> Classifier:
        return Classifier(
            network=cast(parallel.Divided, trained.network).network,
            classes=self.dataset.classes,
            model=trained.model,
            shape=self.phases.shape,
            preset=self.dataset.preset,
            standardizer=self.phases.standardizer,
            about={name: result[name] for name in ("algorithm", "shipped", "reason")}
            | {"columns": self.dataset.columns, "label_column": self.config.label_column},
        )

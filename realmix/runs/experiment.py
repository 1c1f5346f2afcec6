"""One run in memory: trainings, the comparison on held-out labels, and the model that ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from realmix.contract.algorithm import Algorithm, Views
from realmix.encoders.catalogue import recall
from realmix.evaluate import gate
from realmix.evaluate.gate import ALONE, CANDIDATE, PAIR, SUPERVISED, Verdict
from realmix.evaluate.judges import judge_of
from realmix.evaluate.metrics import Floats, Integers
from realmix.evaluate.ranking import attempts, preferred, ranked
from realmix.models import described, merged
from realmix.report.evidence import (
    Evidence,
    judged_evidence,
    oracle_figures,
    pool_evidence,
    test_figures,
)
from realmix.report.pictures import mistake_evidence, view_evidence
from realmix.report.words import COLLAPSES, reason
from realmix.runs.classifier import Classifier
from realmix.runs.networks import together
from realmix.runs.phases import Phases, Trained
from realmix.runs.pool.powered import with_pool
from realmix.training.parallel import inner

FITTED = 0.8  # share of its own labels that a network has right after enough steps


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        classifier: the one that ships.
        singles: the two that were compared, by ALONE and CANDIDATE; one where nothing was.
        result: the figures, for result.json.
        evidence: what the report shows.
    """

    classifier: Classifier
    singles: dict[str, Classifier]
    result: dict[str, Any]
    evidence: Evidence


class Experiment:
    """All trainings of a run, checked, and what is made of them."""

    def __init__(self, phases: Phases) -> None:
        self.phases, self.dataset, self.config = phases, phases.dataset, phases.config
        self.rows, self.contenders = phases.rows, phases.contenders

    def run(self) -> Outcome:
        """Train, compare, train what was chosen on all labels, and say what ships.

        Raises:
            Interrupted: when the watch asks to stop; the same call continues.
        """
        phases, held_rows = self.phases, self.phases.held_rows
        alone, candidates = self.contenders.alone, self.contenders.candidates
        likely = [phases.final(names[0]) for names in (alone, candidates) if names]
        done = phases.run(phases.folds, ahead=likely)
        held, label = self._held_out(done), self.dataset.label[held_rows]
        judge = judge_of(self.config.judge, label)
        base = ranked(judge, label, held, alone or candidates)[0]
        last: dict[str, Trained] = {}
        pool: dict[str, Floats] = {}  # what each final model says of it
        tried: list[Verdict] = []
        for chosen in preferred(judge, label, held, candidates or alone, self.contenders.favorite):
            new = [name for name in dict.fromkeys((base, chosen)) if name not in last]
            last |= zip(new, phases.run([phases.final(name) for name in new]), strict=True)
            rows = self.rows.inputs[self.rows.pool_rows]
            pool |= {name: self.rows.probs(last[name].network, rows) for name in new}
            tried.append(self._verdict(label, held, base, chosen, pool, last[chosen].heard))
            if tried[-1].outcome != "collapsed":
                break  # else the next best has its turn
        verdict = tried[0 if tried[-1].outcome == "collapsed" else -1]
        if verdict.collapse:
            phases.notes.append(f"{verdict.algorithm}: {COLLAPSES[verdict.collapse]}")
        finals = [last[name] for name in dict.fromkeys((base, verdict.algorithm))]
        said = pool[base], pool[verdict.algorithm]
        evidence = self._seen(label, (held[base], held[verdict.algorithm]), said, verdict, finals)
        result = self._result(verdict, finals, [*done, *last.values()], evidence)
        told, folds = self._seconds(done), self._folds_of(done, base) if alone else ()
        result["tried"] = attempts(judge, label, held, told, candidates, base, verdict.folds)
        result["with_pool"] = with_pool(phases, folds, evidence)
        return self._outcome(verdict, finals, result, evidence)

    def _verdict(
        self,
        label: Integers,
        held: Mapping[str, Floats],
        base: str,
        chosen: str,
        pool: Mapping[str, Floats],
        heard: bool,
    ) -> Verdict:
        return gate.decide(
            label,
            held[base],
            held[chosen],
            algorithm=chosen,
            alone=base if self.contenders.alone else SUPERVISED,
            rule=self.phases.plan.rule,
            judge=judge_of(self.config.judge, label).name,
            gate=self.config.gate,
            single=self.config.single,
            pool=(pool[base], pool[chosen]),
            heard=heard,
            folds=len(self.phases.plan.folds),
        )

    def _folds_of(self, done: Sequence[Trained], name: str) -> Sequence[Trained]:
        """A contender's trainings in the folds."""
        return done[self.contenders.all.index(name) :: len(self.contenders.all)]

    def _held_out(self, done: Sequence[Trained]) -> dict[str, Floats]:
        """Each contender's probabilities of all held-out rows, fold after fold."""
        nothing = np.zeros((0, len(self.dataset.classes)), np.float32)
        return {
            name: np.concatenate([nothing, *(part.held for part in self._folds_of(done, name))])
            for name in self.contenders.all
        }

    def _seconds(self, done: Sequence[Trained]) -> dict[str, float]:
        """What each contender's trainings in the folds took."""
        folds = {name: self._folds_of(done, name) for name in self.contenders.all}
        return {name: sum(part.seconds for part in parts) for name, parts in folds.items()}

    def _probs(self, finals: Sequence[Trained], rows: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Of the two that were compared, which are one where nothing was."""
        probs = [self.rows.probs(trained.network, rows) for trained in finals]
        return probs[0], probs[-1]

    def _seen(
        self,
        label: Integers,
        held: tuple[Floats, Floats],
        pool: tuple[Floats, Floats],
        verdict: Verdict,
        finals: Sequence[Trained],
    ) -> Evidence:
        """What the two say of held-out, pool and test rows; the latter are opened here first."""
        evidence = judged_evidence("heldout", label, *held, verdict.answer(*held))
        evidence |= pool_evidence(self.dataset, *pool, verdict.answer(*pool), self.config.seed)
        raw, exam = self.rows.test_inputs, self.dataset.test_label
        if raw is not None and exam is not None:
            test = self._probs(finals, raw)
            evidence |= judged_evidence("test", exam, *test, verdict.answer(*test))
        return evidence | self._pictures(verdict.algorithm, evidence)

    def _pictures(self, algorithm: str, evidence: Evidence) -> Evidence:
        """Rows for the report: augmented ones, and mistakes of what ships."""
        method = self.phases.method(algorithm)
        asked = method.views if isinstance(method, Algorithm) else Views(("weak",), ("strong",))
        if self.dataset.encoded and not self.dataset.encoded.augmented:
            asked = Views()
        seen = view_evidence(self.dataset, self.rows.shown, asked, self.config.seed)
        return seen | mistake_evidence(self.dataset, self.phases.held_rows, evidence, "shipped")

    def _result(
        self,
        verdict: Verdict,
        finals: Sequence[Trained],
        trained: Sequence[Trained],
        evidence: Evidence,
    ) -> dict[str, Any]:
        gated = self.config.gate != "none"
        compared, kept = len(finals) > 1, self.dataset.encoded
        networks = [described(one.model, inner(one.network), self.rows.shape) for one in finals]
        return {
            **verdict.to_json(),
            "reason": reason(verdict) if gated else verdict.rule,
            "gated": gated,
            "test": test_figures(evidence, compared),
            "pseudo_labels": oracle_figures(self.dataset, evidence.get("pool_shipped")),
            "undertrained": self._undertrained(verdict, finals),
            "network": list(dict.fromkeys(networks)),
            "encoder": None if kept is None else kept.reference.to_json(),
            "labels": len(self.rows.known),
            "unlabeled": len(self.rows.pool_rows),
            "label_counts": np.bincount(
                self.dataset.label[self.rows.known], minlength=len(self.dataset.classes)
            ).tolist(),
            "classes": list(self.dataset.classes),
            "steps": self.phases.steps,
            "seconds": round(sum(one.seconds for one in trained), 1),
            "images_seen": sum(one.images_seen for one in trained),
        }

    def _undertrained(self, verdict: Verdict, finals: Sequence[Trained]) -> str | None:
        """A sentence where the network of the labels alone has not even learned these."""
        if SUPERVISED not in (verdict.alone, verdict.algorithm):
            return None
        network, known = finals[0 if verdict.alone == SUPERVISED else -1].network, self.rows.known
        probs = self.rows.probs(network, self.rows.inputs[known])
        right = probs.argmax(1) == self.dataset.label[known]
        if right.mean() >= FITTED:
            return None
        return (
            f"Undertrained: after {self.phases.steps:,} steps the network that learned the labels"
            f" alone has only {right.mean():.0%} of them right. Give it more: --minutes or --steps."
        )

    def _outcome(
        self,
        verdict: Verdict,
        finals: Sequence[Trained],
        result: Mapping[str, Any],
        evidence: Evidence,
    ) -> Outcome:
        about = {name: result[name] for name in ("algorithm", "shipped", "reason")} | {
            "columns": self.dataset.columns,
            "encoding": self.dataset.encoding and self.dataset.encoding.to_json(),
            "scale": self.dataset.scale,
            **{name: getattr(self.config, name) for name in ("label_column", "group")},
            "label_counts": result["label_counts"],
        }
        kept = self.dataset.encoded
        embedded = kept.state if kept else None
        if kept and self.config.embed_encoder:
            embedded = recall(kept.reference, "This run").weights
        singles = {
            name: Classifier(
                network=merged(inner(trained.network)),
                classes=self.dataset.classes,
                model=trained.model,
                shape=self.rows.shape,
                preset=self.dataset.preset,
                standardizer=self.rows.standardizer,
                about={**about, "shipped": name},
                encoder=kept.reference if kept else None,
                embedded=embedded,
            )
            for name, trained in zip((ALONE, CANDIDATE), finals, strict=False)
        }
        if verdict.shipped == PAIR:
            ships = together(singles[ALONE], singles[CANDIDATE], verdict.pairing, about)
        else:
            ships = singles.get(verdict.shipped, singles[ALONE])
        return Outcome(ships, singles, dict(result), evidence)

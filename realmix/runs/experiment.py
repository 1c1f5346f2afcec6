"""One run in memory: trainings, the comparison on held-out labels, and the model that ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from realmix.contract.algorithm import Algorithm, Views
from realmix.evaluate import gate
from realmix.evaluate.gate import ALONE, CANDIDATE, STUDENT, SUPERVISED, Verdict
from realmix.evaluate.judges import judge_of
from realmix.evaluate.metrics import Floats, Integers
from realmix.evaluate.ranking import attempts, preferred
from realmix.models import described
from realmix.report.evidence import (
    Evidence,
    judged_evidence,
    oracle_figures,
    pool_evidence,
    test_figures,
)
from realmix.report.pictures import mistake_evidence, view_evidence
from realmix.report.words import COLLAPSES, reason
from realmix.runs.budget import undertrained
from realmix.runs.parts.outcome import Outcome, outcome_of
from realmix.runs.parts.phase import Trained
from realmix.runs.phases import Phases
from realmix.runs.pool.powered import with_pool
from realmix.training.parallel import inner


class Experiment:
    """All trainings of a run, checked, and what is made of them."""

    def __init__(self, phases: Phases) -> None:
        self.phases, self.dataset, self.config = phases, phases.dataset, phases.config
        self.rows, self.contenders = phases.rows, phases.contenders
        self.fell = dict[str, str]()  # candidates that collapsed, and why

    def run(self) -> Outcome:
        """Train, compare, train what was chosen on all labels, and say what ships.

        Raises:
            Interrupted: when the watch asks to stop; the same call continues.
        """
        phases, held_rows, contest = self.phases, self.phases.held_rows, self.contenders
        alone, candidates = contest.alone, contest.candidates
        likely = [phases.final(names[0]) for names in (alone, candidates) if names]
        done = phases.run(phases.folds, ahead=likely)
        held, label = self._held_out(done), self.dataset.label[held_rows]
        judge = judge_of(self.config.judge, label)
        base = preferred(judge, label, held, alone or candidates, contest.trusted)[0]
        order = preferred(judge, label, held, candidates or (base,), contest.favorite)
        verdict, last, pool = self._decided(label, held, base, order)
        finals = [last[name] for name in dict.fromkeys((base, verdict.algorithm))]
        said = pool[base], pool[verdict.algorithm]
        ships = dict(zip((ALONE, CANDIDATE), finals, strict=False))
        if verdict.shipped == STUDENT:
            (last[STUDENT],) = phases.run([phases.student(verdict.pairing(*said))])
            ships[STUDENT] = last[STUDENT]
        both = held[base], held[verdict.algorithm]
        evidence = self._seen(label, both, said, verdict, finals, ships.get(STUDENT))
        result = self._result(verdict, finals, [*done, *last.values()], evidence)
        told, folds = self._seconds(done), self._folds_of(done, base) if alone else ()
        result["tried"] = attempts(
            judge, label, held, told, candidates, base, verdict.folds, self.fell
        )
        result["with_pool"] = with_pool(phases, folds, evidence)
        return outcome_of(phases, verdict, ships, result, evidence)

    def _decided(
        self, label: Integers, held: Mapping[str, Floats], base: str, order: Sequence[str]
    ) -> tuple[Verdict, dict[str, Trained], dict[str, Floats]]:
        """The verdict on the first candidate in that order that has not collapsed.

        Returns:
            It, what was trained on all labels for it, and what each of these says of the pool; if
            all have collapsed, the verdict on the first.
        """
        last, pool = dict[str, Trained](), dict[str, Floats]()
        tried: list[Verdict] = []
        for chosen in order:
            new = [name for name in dict.fromkeys((base, chosen)) if name not in last]
            trained = self.phases.run([self.phases.final(name) for name in new])
            last |= zip(new, trained, strict=True)
            rows = self.rows.inputs[self.rows.pool_rows]
            pool |= {name: self.rows.probs(last[name].network, rows) for name in new}
            tried.append(self._verdict(label, held, base, chosen, pool, last[chosen].heard))
            if why := tried[-1].collapse:
                self.fell[chosen] = COLLAPSES[why]
                self.phases.notes.append(f"{chosen}: {COLLAPSES[why]}")
            if tried[-1].outcome != "collapsed":
                return tried[-1], last, pool
        return tried[0], last, pool

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
            rivals=[held[name] for name in self.contenders.candidates if name != chosen],
            pool=(pool[base], pool[chosen]),
            heard=heard,
            favored=chosen == self.contenders.favorite,
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
        student: Trained | None,
    ) -> Evidence:
        """What they say of held-out, pool and test rows; the latter are opened here first."""

        def answer(said: tuple[Floats, Floats], rows: Tensor) -> Floats:
            return self.rows.probs(student.network, rows) if student else verdict.answer(*said)

        evidence = judged_evidence("heldout", label, *held, verdict.answer(*held))
        shipped = answer(pool, self.rows.inputs[self.rows.pool_rows])
        evidence |= pool_evidence(self.dataset, *pool, shipped, self.config.seed)
        raw, exam = self.rows.test_inputs, self.dataset.test_label
        if raw is not None and exam is not None:
            test = self._probs(finals, raw)
            evidence |= judged_evidence("test", exam, *test, answer(test, raw))
        return evidence | self._pictures(verdict.algorithm, evidence)

    def _pictures(self, algorithm: str, evidence: Evidence) -> Evidence:
        """Rows for the report: augmented ones, and mistakes of what ships."""
        wrong = mistake_evidence(self.dataset, self.phases.held_rows, evidence, "shipped")
        if self.dataset.encoded and not self.dataset.encoded.augmented:
            return wrong  # training sees the features of the plain pictures alone
        method = self.phases.method(algorithm)
        asked = method.views if isinstance(method, Algorithm) else Views(("weak",), ("strong",))
        return view_evidence(self.dataset, self.rows.shown, asked, self.config.seed) | wrong

    def _result(
        self,
        verdict: Verdict,
        finals: Sequence[Trained],
        trained: Sequence[Trained],
        evidence: Evidence,
    ) -> dict[str, Any]:
        lone = finals[0 if verdict.alone == SUPERVISED else -1]  # learned labels alone by steps
        by_steps = SUPERVISED in (verdict.alone, verdict.algorithm)
        steps, ships = self.phases.steps, trained[-1:] if verdict.shipped == STUDENT else finals
        gated, compared, kept = self.config.gate != "none", len(finals) > 1, self.dataset.encoded
        networks = [described(one.model, inner(one.network), self.rows.shape) for one in ships]
        return {
            **verdict.to_json(),
            "reason": reason(verdict) if gated else verdict.rule,
            "gated": gated,
            "test": test_figures(evidence, compared),
            "pseudo_labels": oracle_figures(self.dataset, evidence.get("pool_shipped")),
            "undertrained": undertrained(self.phases, lone.network, steps) if by_steps else None,
            "network": list(dict.fromkeys(networks)),
            "encoder": None if kept is None else kept.reference.to_json(),
            "labels": len(self.rows.known),
            "unlabeled": len(self.rows.pool_rows),
            "label_counts": np.bincount(
                self.dataset.label[self.rows.known], minlength=len(self.dataset.classes)
            ).tolist(),
            "classes": list(self.dataset.classes),
            "steps": steps,
            "ended": lone.steps if by_steps and lone.steps < steps else None,
            "seconds": round(sum(one.seconds for one in trained), 1),
            "images_seen": sum(one.images_seen for one in trained),
        }

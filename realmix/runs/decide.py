"""Decide between the two final models of a run, with answers for pool rows where they disagree.

A run folder then also holds answers.csv (all answers taken so far), to_label.csv and to_label.html
(what to label next), and result.json gets the part "decided_by_answers" when it is decided.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from realmix.base.errors import UsageError
from realmix.base.files import write_atomically, write_json
from realmix.base.wording import harmless, printable
from realmix.data.reading.answers import NONE_OF_THEM, Answers, read_answers
from realmix.evaluate.dispute import (
    Dispute,
    Forecast,
    Standing,
    disagreeing,
    expected,
    judged,
    outcomes,
)
from realmix.evaluate.gate import ALONE, CANDIDATE
from realmix.report.page import label_page
from realmix.report.record import Run, read_run
from realmix.report.words import decided
from realmix.runs.run_folder import RESULT, locked

ANSWERS, TABLE, PAGE = "answers.csv", "to_label.csv", "to_label.html"
RECORD = "decided_by_answers"
MOST_AT_ONCE = 100  # rows that are proposed for labeling together


@dataclass(frozen=True)
class Case:
    """The two final models of a run, and the answers so far.

    Attributes:
        run: its records.
        dispute: how many rows there are to ask.
        names: of the rows to ask, in the drawn order.
        baseline, candidate: (n,) classes that the models predict for them.
        answers: what was said of them.
    """

    run: Run
    dispute: Dispute
    names: tuple[str, ...]
    baseline: np.ndarray
    candidate: np.ndarray
    answers: Answers

    @cached_property
    def found(self) -> np.ndarray:
        """`outcomes` of the answers in the drawn order, up to the first row without an answer.

        Whoever answers the easy rows first must not choose what counts.
        """
        label = [self.answers.get(name) for name in self.names]
        count = label.index(None) if None in label else len(label)
        said = np.array(label[:count], dtype=np.int64)
        return outcomes(said, self.baseline[:count], self.candidate[:count])

    @cached_property
    def standing(self) -> Standing:
        """What the answers say."""
        return judged(self.found, self.dispute)

    @cached_property
    def forecast(self) -> Forecast:
        """How many more it will take."""
        return expected(self.found, _held_out(self.run), self.dispute, int(self.run.result["seed"]))

    @property
    def open_rows(self) -> list[int]:
        """Places of the rows without an answer, in the drawn order."""
        return [place for place, name in enumerate(self.names) if name not in self.answers]

    def with_answers(self, more: Answers) -> Case:
        """The case with more answers, which answers.csv holds from now on.

        Raises:
            UsageError: one of them contradicts an earlier answer.
            StorageError: they cannot be written.
        """
        for name, place in more.items():
            if self.answers.get(name, place) != place:
                raise UsageError(
                    f"'{printable(name)}' was answered before, and differently. If that was wrong, "
                    f"change it in '{printable(self.run.folder / ANSWERS)}'."
                )
        if not more:
            return self
        answers = {**self.answers, **more}
        classes = [*self.run.classes, NONE_OF_THEM]  # -1 picks the last
        rows = [(harmless(name), classes[place]) for name, place in answers.items()]
        _write_table(self.run.folder / ANSWERS, ["name", "label"], rows)
        return replace(self, answers=answers)

    def read(self, path: Path) -> Answers:
        """The answers in a file; see `read_answers`."""
        return read_answers(path, self.run.classes, self.names, "the rows to label")[0]


def decide(
    folder: Path,
    labels: Path | None = None,
    *,
    count: int | None = None,
    ship: Callable[[str], None] | None = None,
) -> Case:
    """Take answers and see what they come to; record a decision, or list what to label next.

    Args:
        folder: of a finished run that compared two models.
        labels: table of answers with the columns name and label.
        count: how many rows to list; by default so many that nine of ten times they suffice.
        ship: called with "candidate" or "labels alone" when that one has won. It must be safe to
            call again: the decision is recorded after it returns.

    Raises:
        UsageError: the run compared nothing; no such file; an answer that contradicts another.
        DataError: see `read_answers`; or there is no finished run.
        LockedError: another process works in the folder.
    """
    case = open_case(folder)
    with locked(folder):
        if labels is not None:
            case = case.with_answers(case.read(labels))
        conclude(case, count, ship)
    return case


def conclude(case: Case, count: int | None, ship: Callable[[str], None] | None) -> None:
    """Record a decision, or list what to label next. For the holder of the folder's lock."""
    folder, standing = case.run.folder, case.standing
    if standing.winner is None:
        write_lists(case, count if count is not None else min(case.forecast.bound, MOST_AT_ONCE))
        return
    record = standing.to_json()
    if case.run.result.get(RECORD) == record:
        return
    if ship is not None and standing.winner in (CANDIDATE, ALONE):
        ship(standing.winner)
    result = {**read_run(folder).result, RECORD: record}  # as `ship` left it
    write_json(folder / RESULT, {**result, "reason": decided(result), "labels_needed": None})


def open_case(folder: Path) -> Case:
    """What a run left to decide, with the answers of its answers.csv.

    Raises:
        UsageError: the run compared nothing, or an older realmix made it.
        DataError: there is no finished run; answers.csv is damaged.
    """
    run = read_run(folder)
    evidence, where = run.evidence, printable(folder)
    if not run.result["gated"] or run.result["outcome"] == "alone":
        raise UsageError(
            f"The run in '{where}' trained one model only, so there is nothing to decide. "
            "`realmix fit` with unlabeled rows and its gate trains the two."
        )
    if "decide_index" not in evidence:
        raise UsageError(
            f"The run in '{where}' kept no predictions of both models: an older realmix made it, "
            "or it has no pool. Fit again, into another folder."
        )
    baseline, candidate = evidence["pool_baseline"], evidence["pool_model"]
    asked = evidence["decide_index"]
    names = tuple(str(name) for name in evidence["pool_names"][asked])
    disagreements = len(disagreeing(baseline, candidate))
    case = Case(
        run,
        Dispute(disagreements, len(baseline), len(asked)),
        names,
        baseline[asked].argmax(1),
        candidate[asked].argmax(1),
        answers={},
    )
    kept = folder / ANSWERS
    return replace(case, answers=case.read(kept)) if kept.exists() else case


def write_lists(case: Case, count: int) -> None:
    """Write to_label.csv, of images and texts to_label.html too: what is next, not what models say.

    Raises:
        UsageError: to_label.csv holds labels that were not taken yet; a count below 1.
        StorageError: they cannot be written.
    """
    folder, evidence = case.run.folder, case.run.evidence
    if count < 1:
        raise UsageError(f"--count must be 1 or more, not {count}.")
    _keep_labels(case, folder / TABLE)
    places = case.open_rows[:count]
    columns = [str(name) for name in evidence.get("decide_columns", ())]
    features = evidence.get("decide_features", np.zeros((len(case.names), 0)))
    texts = evidence.get("decide_texts")
    if texts is not None:
        columns, features = ["text"], np.array([[harmless(str(text))] for text in texts])
    rows = [(harmless(case.names[place]), "", *features[place].tolist()) for place in places]
    _write_table(folder / TABLE, ["name", "label", *columns], rows)
    seen = evidence.get("decide_images", texts)
    if seen is not None:
        shown = [(case.names[place], _seen(seen[place])) for place in places]
        write_atomically(folder / PAGE, label_page(folder.resolve().name, shown, case.run.classes))


def _seen(row: Any) -> Any:
    """A picture, or a text as Python's own."""
    return str(row) if np.ndim(row) == 0 else row


def _keep_labels(case: Case, path: Path) -> None:
    """Refuse to overwrite labels that somebody filled in and did not hand over."""
    if not path.exists():
        return
    waiting = [name for name in case.read(path) if name not in case.answers]
    if waiting:
        raise UsageError(
            f"'{printable(path)}' holds {len(waiting)} label{'s' * (len(waiting) > 1)} not taken "
            f"yet. Give --labels '{printable(path)}', or move the file away."
        )


def _held_out(run: Run) -> tuple[int, int, int]:
    """Held-out rows with two different predictions: candidate right, baseline right, neither."""
    label = run.evidence.get("heldout_label", np.zeros(0, np.int64))
    if not len(label):
        return 0, 0, 0
    baseline, candidate = (run.evidence[f"heldout_{name}"] for name in ("baseline", "model"))
    rows = disagreeing(baseline, candidate)
    found = outcomes(label[rows], baseline[rows].argmax(1), candidate[rows].argmax(1))
    first, second, neither = (int((found == kind).sum()) for kind in (1, -1, 0))
    return first, second, neither


def _write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    write_atomically(path, text.getvalue())

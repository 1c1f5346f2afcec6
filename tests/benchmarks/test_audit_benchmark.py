"""Planted pools are what they say, and the figures of the record are those of its lines."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.audit import _figures, share_run
from benchmarks.planted import DIGITS, drawn


@pytest.mark.parametrize(("lacking", "classes"), [(False, 6), (True, 2)])
def test_a_pool_holds_the_share_and_the_classes_that_were_asked_for(lacking, classes):
    labeled, label, pool, foreign = drawn(DIGITS, 0.25, 10, 3, lacking)
    x, y = load_digits(return_X_y=True)
    kinds = {row.tobytes(): c for row, c in zip(x.astype(np.float32) / 16, y, strict=True)}
    known, rest = ([kinds[row.tobytes()] for row in rows] for rows in (labeled, pool))
    assert np.bincount(label).tolist() == [10] * 6
    assert foreign.mean() == pytest.approx(0.25, abs=0.01)
    within = {c for c, far in zip(rest, foreign, strict=True) if not far}
    beyond = {c for c, far in zip(rest, foreign, strict=True) if far}
    assert len(within) == classes
    assert within <= set(known)
    assert beyond == set(range(10)) - set(known)
    assert not {row.tobytes() for row in labeled} & {row.tobytes() for row in pool}


def test_a_line_tells_what_was_planted_and_what_was_found():
    line = share_run("lacking", DIGITS, 0.5, 10, 0)
    assert line["low"] <= line["estimate"] <= line["high"]
    assert sum(line["classes"]) == pytest.approx(1, abs=1e-3)
    assert 0.5 < line["auroc"] <= 1


def test_figures_by_hand():
    cases = [(0.0, 0.05, 0.0, 0.1), (0.5, 0.9, 0.8, 1.0), (0.5, 0.0, 0.0, 0.45), (1.0, 0.7, 0.5, 1)]
    lines = [dict(zip(("share", "estimate", "low", "high"), x, strict=True)) for x in cases]
    # right: the first; the third is unclear, and so neither covered nor wrong; wrong: the second
    assert _figures(lines) == "25% of 4 | 50% | 50% | 1 | 0.312 | 0.31 | "

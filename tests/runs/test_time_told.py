"""How long a run is said to take."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from realmix.runs import budget


def fake(*seconds: float) -> Any:
    """Trainings of one method that is fitted to the end, each fit so many seconds."""
    spent = iter(seconds)
    return SimpleNamespace(
        contenders=SimpleNamespace(all=("forest",)),
        plan=SimpleNamespace(folds=range(5)),
        trainings=lambda name: 0.0,
        trial=lambda name: name,
        stages=lambda *given: None,
        trained=lambda *given: time.sleep(next(spent)),
    )


def test_what_the_first_fit_loads_is_not_counted_six_times() -> None:
    assert budget.seconds_of_fits(fake(0.3, 0.02)) == pytest.approx(6 * 0.02, abs=0.1)


def test_a_slow_fit_is_not_tried_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "LOADING", 0.05)
    assert budget.seconds_of_fits(fake(0.1)) == pytest.approx(6 * 0.1, abs=0.2)

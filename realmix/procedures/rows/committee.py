"""Soft voting of linear model, forests and boosting (Dietterich, 2000, "Ensemble methods")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import nn

from realmix.base.randomness import derive
from realmix.contract.fields import Count
from realmix.functional.rows.linear import logistic
from realmix.models.committee import Committee as Network
from realmix.models.tree_arrays import forest, joined
from realmix.procedures.rows.boosting import Boosting
from realmix.procedures.rows.shared import (
    Fitted,
    figures_of,
    labeled_rows,
    set_linear,
    strength_of,
)
from realmix.training.stages import Stages

BOOSTED = 300  # trees at most, one of each class a round


@dataclass(eq=False)
class Committee(Fitted):
    """(p_linear + p_random + p_extra + p_boosted) / 4, each fitted to the labels."""

    trees: Count = 60  # T, of the random forest and of the extremely randomized one
    rounds: Count = 50  # of boosting, at most

    form = "committee"
    idea = "labels alone, linear model and trees answer together"
    needs = "feature rows"
    pool_optional = True

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            parts, (rows, label) = cast(Network, network), labeled_rows(stages)
            num_classes, seed = stages.data.num_classes, derive(stages.seed)
            strength, _ = strength_of(rows, label, stages)
            set_linear(parts.linear, *logistic(rows, label, num_classes, strength))
            kinds = [
                forest(rows, label, num_classes, self.trees, seed, extra=extra)
                for extra in (False, True)
            ]
            parts.forest.store(joined(kinds))
            rounds = max(min(self.rounds, BOOSTED // num_classes), 1)
            found = Boosting(rounds=rounds).grown(rows, label, num_classes, seed)
            parts.boosting.store([*found.trees, found.classes, found.start])
            return {**figures_of(network, stages), "strength": strength}

        return stages.compute(fit, self.form)

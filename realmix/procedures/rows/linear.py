"""Multinomial logistic regression (Cox, 1958), fitted to the end, its strength cross-validated."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from realmix.contract.fields import Positive
from realmix.functional.rows.linear import logistic
from realmix.procedures.rows.shared import Fitted, figures_of, labeled_rows, set_linear, strength_of
from realmix.training.stages import Stages


@dataclass(eq=False)
class Linear(Fitted):
    """|W|^2 / 2 + C sum_i H(y_i, softmax(W x_i + b)), to the end."""

    strength: Positive | None = None  # C; null: by cross-validation of the labels

    idea = "labels alone, one layer, fitted to the end"
    needs = "feature rows"
    pool_optional = True

    def train(self, stages: Stages) -> nn.Module:
        def fit(network: nn.Module) -> dict[str, float]:
            rows, label = labeled_rows(stages)
            strength, temperature = self.strength, 1.0
            if strength is None:
                strength, temperature = strength_of(rows, label, stages)
            slopes, bias = logistic(rows, label, stages.data.num_classes, strength)
            set_linear(network, slopes / temperature, bias / temperature)
            return {**figures_of(network, stages), "strength": strength, "T": temperature}

        return stages.compute(fit, "linear")

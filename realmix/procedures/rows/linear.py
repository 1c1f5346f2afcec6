"""Multinomial logistic regression (Cox, 1958), fitted to the end, its strength cross-validated."""

from __future__ import annotations

from dataclasses import dataclass

from realmix.contract.fields import Positive
from realmix.functional.rows.linear import logistic
from realmix.procedures.rows.shared import Fitted, Layer, labeled_rows, strength_of
from realmix.training.stages import Stages


@dataclass(eq=False)
class Linear(Fitted):
    """|W|^2 / 2 + C sum_i H(y_i, softmax(W x_i + b)), to the end."""

    strength: Positive | None = None  # C; null: by cross-validation of the labels

    idea = "labels alone, one layer, fitted to the end"
    needs = "feature rows"
    pool_optional = True

    def computed(self, stages: Stages) -> tuple[Layer, dict[str, float]]:
        rows, label = labeled_rows(stages)
        strength, temperature = self.strength, 1.0
        if strength is None:
            strength, temperature = strength_of(rows, label, stages)
        slopes, bias = logistic(rows, label, stages.data.num_classes, strength)
        return (slopes / temperature, bias / temperature), {"strength": strength, "T": temperature}

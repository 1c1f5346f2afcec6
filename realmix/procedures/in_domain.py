"""In-domain filtering of the pool (Xie et al., 2020, https://arxiv.org/abs/1904.12848), UDA."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import nn

from realmix.algorithms.supervised import Supervised
from realmix.algorithms.uda import UDA
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Algorithm, Facts, Recipe
from realmix.contract.fields import Fields, Share
from realmix.data.pools import Data, Pool
from realmix.functional.selection import likeliest_of_each_class
from realmix.procedures.base import base_class, base_recipe
from realmix.training.stages import Procedure, Stages


@dataclass(eq=False)
class InDomain(Procedure):
    """The base method on {u: p_c(u) among the share * N / K largest of some class c}."""

    base: str = "uda"  # algorithm that learns from what is kept
    base_fields: Fields | None = None  # its hyperparameters that differ from the paper's
    share: Share = 0.5  # of the pool that is kept, equally many rows for each class

    idea = "only what looks like the labels"
    cost = 16.3
    recipe = UDA.recipe

    def __post_init__(self) -> None:
        super().__post_init__()
        self.learner()

    @property
    def trainings(self) -> float:
        return 2.0

    def check(self, facts: Facts) -> None:
        self.learner().check(facts)
        if self.share == 0:
            raise UsageError("A share of 0 keeps nothing of the pool; --algorithm supervised does.")

    def check_recipe(self, recipe: Recipe) -> None:
        base = self.learner()
        base.check_recipe(base_recipe(base.recipe, self, recipe))

    def learner(self) -> Algorithm:
        """The base method with its fields.

        Raises:
            UsageError: there is no such method, it has no such field, or a value does not fit.
        """
        return base_class(self.base, self).from_fields(self.base_fields or {})

    def train(self, stages: Stages) -> nn.Module:
        judge = stages.train(Supervised(), "labels")
        base = self.learner()
        recipe = base_recipe(base.recipe, self, stages.recipe)
        return stages.train(base, "base", data=self.kept(stages, judge), recipe=recipe)

    def kept(self, stages: Stages, judge: nn.Module) -> Data:
        """The rows that are likeliest of each class, without a label again."""
        data, pool = stages.data, stages.data.unlabeled
        probs = stages.predict(judge, pool.inputs)
        per_class = max(math.ceil(self.share * len(pool) / data.num_classes), 1)
        rows = likeliest_of_each_class(probs, per_class).to(pool.inputs.device)
        filtered = Pool(pool.inputs[rows], pool.label[rows], pool.weight[rows])
        return replace(data, unlabeled=filtered)

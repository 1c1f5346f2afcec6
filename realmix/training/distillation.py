"""One network that learns what several say together (Hinton et al., 2015,
https://arxiv.org/abs/1503.02531, section 2), of the pool, without their temperature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn

from realmix.contract.algorithm import Batch, Losses, Nets, Objective, Step, Views
from realmix.functional.forward import joint
from realmix.functional.losses import cross_entropy
from realmix.training.stages import Stages

RATIO = 3  # pool rows per labeled one in a batch, and the weight of theirs
LONGER = (
    2.0  # times the steps of another training: half a point (benchmarks/records/gate/selection)
)


@dataclass(eq=False)
class Distillation(Objective):
    """mean H(y, p(weak x)) + r mean H(q, p(weak u)): q is what the teachers say of u together."""

    ratio: float = RATIO  # r

    @property
    def views(self) -> Views:
        return Views(labeled=("weak",), unlabeled=("weak",))

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        x, u = batch.labeled, batch.unlabeled
        logits_x, logits_u = joint(nets.student, *x.views, *u.views)
        q = u.label.to(logits_u.dtype)
        return Losses(
            supervised=cross_entropy(logits_x, x.label).mean(),
            unlabeled=self.ratio * cross_entropy(logits_u, q).mean(),
        )


def distil(stages: Stages, taught: Tensor) -> nn.Module:
    """A network of the run that learns the labels, and (N, K) probabilities of the pool."""
    pool = replace(stages.data.unlabeled, label=taught.to(stages.device))
    recipe = replace(stages.recipe, unlabeled_ratio=RATIO)
    return stages.train(Distillation(), data=replace(stages.data, unlabeled=pool), recipe=recipe)

"""Joint self-training (Zoph et al., 2020, https://arxiv.org/abs/2006.06882), section 3."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from realmix.contract.algorithm import Batch, Facts, Losses, Nets, Objective, Recipe, Step, Views
from realmix.contract.fields import Decay, NonNegative, Share
from realmix.contract.state import RunningMean
from realmix.data.pools import Data, Pool
from realmix.functional.forward import joint
from realmix.functional.losses import cross_entropy
from realmix.functional.selection import confident_of_each_class
from realmix.training.stages import Procedure, Stages


@dataclass(eq=False)
class JointSelfTraining(Procedure):
    """(H(y, p(strong x)) + alpha (m_h / m_p) H(c, p(strong u))) / (1 + alpha), c argmax p_T(u)."""

    alpha: NonNegative = 1.0  # of the pseudo-labels
    threshold: Share = 0.5  # of the teacher's confidence, below which a row is left out
    decay: Decay = 0.99  # of m_h and m_p, the mean losses of labels and pseudo-labels so far

    idea = "labels and pseudo-labels count equally"
    cost = 4.3
    recipe = Recipe(unlabeled_ratio=2, optimizer="adam", learning_rate=0.002, weight_decay=0.02)

    @property
    def trainings(self) -> float:
        """At most: where no prediction is confident, the teacher is all there is."""
        return 2.0

    def train(self, stages: Stages) -> nn.Module:
        teacher = stages.train(Joint(0.0, self.decay), "teacher")
        data = self.taught(stages, teacher)
        if len(data.unlabeled) == 0:
            return teacher
        return stages.train(Joint(self.alpha, self.decay), "student", data=data)

    def taught(self, stages: Stages, teacher: nn.Module) -> Data:
        """The pool's confident rows with the teacher's labels."""
        pool = stages.data.unlabeled
        probs = stages.predict(teacher, pool.inputs).to(pool.inputs.device)
        kept = confident_of_each_class(probs, None, self.threshold)
        label = probs.argmax(-1)
        labeled = Pool(pool.inputs[kept], label[kept], pool.weight[kept])
        return replace(stages.data, unlabeled=labeled)


@dataclass(eq=False)
class Joint(Objective):
    """(mean H(y, p(strong x)) + alpha (m_h / m_p) mean H(c, p(strong u))) / (1 + alpha)."""

    alpha: NonNegative  # 0: labels alone
    decay: Decay  # of m_h and m_p

    @property
    def views(self) -> Views:
        return Views(labeled=("strong",), unlabeled=("strong",) if self.alpha else ())

    def setup(self, nets: Nets, facts: Facts) -> None:
        super().setup(nets, facts)
        self.means = RunningMean(torch.zeros(2), self.decay)  # m_h, m_p

    def loss(self, nets: Nets, batch: Batch, step: Step) -> Losses:
        x, u = batch.labeled, batch.unlabeled
        logits_x, *logits_u = joint(nets.student, *x.views, *u.views)
        human = cross_entropy(logits_x, x.label).mean()
        if not logits_u:
            return Losses(supervised=human)
        pseudo = cross_entropy(logits_u[0], u.label).mean()
        # both means start at 0, so that their ratio is that of the losses from the first step
        self.means.update(torch.stack([human, pseudo]).detach())
        scale = self.means.value[0] / self.means.value[1].clamp(min=1e-8)
        return Losses(
            supervised=human / (1 + self.alpha),
            unlabeled=self.alpha / (1 + self.alpha) * scale * pseudo,
            metrics={"scale": scale},
        )

"""What is remembered of a pool that may be foreign: its share, and what the classes look like."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from realmix.contract.method import Facts
from realmix.functional.foreign.online import binormal, counted_share
from realmix.functional.forward import evaluating

BINS = 256  # of scores in [0, 1]
LEAST = 50  # reference rows, below which nothing can be told
MIDDLE = 0.5  # quantile of the share that is told
MEMORY = 0.99  # a step: scores of the last hundred count, while the network moves on


def untold(num_labeled: int, held: int) -> tuple[str, ...]:
    """What to say where too few labels, of which one in `held` does not train, tell the share."""
    if num_labeled // held >= LEAST:
        return ()
    return (
        f"RealMix finds no foreign share by {num_labeled:,} labels: it takes {held * LEAST}."
        " Nothing is masked. realmix audit tells more with few labels.",
    )


class ForeignShare(nn.Module):
    """The share of a pool that is of no class, from scores of labeled rows that did not train.

    The model is `functional.foreign.share`'s: where such rows rank within the pool. With few
    references nothing is told, and the share is 0.

    Attributes:
        known, pool: (BINS,) float, how many recent scores fell where.

    Args:
        references: how many different labeled rows the scores of `known` are of.
        quantile: of the posterior, in (0, 1).
    """

    known: Tensor
    pool: Tensor
    log_g: Tensor
    log_prior: Tensor
    shares: Tensor

    def __init__(self, references: int, quantile: float = MIDDLE) -> None:
        super().__init__()
        self.references, self.quantile = references, quantile
        self.register_buffer("known", torch.zeros(BINS))
        self.register_buffer("pool", torch.zeros(BINS))
        for name, table in binormal()._asdict().items():
            self.register_buffer(name, table, persistent=False)

    @torch.no_grad()
    def update(
        self, known: Float[Tensor, " B"], held: Float[Tensor, " B"], pool: Float[Tensor, " U"]
    ) -> None:
        """Take in a batch of scores in [0, 1].

        Args:
            known: of labeled rows.
            held: 1 for those of them that do not train, which alone count.
            pool: of pool rows.
        """
        self.known.mul_(MEMORY).add_(_counts(known, held))
        self.pool.mul_(MEMORY).add_(_counts(pool, torch.ones_like(pool)))

    @property
    def tells(self) -> bool:
        """Whether there are enough references."""
        return self.references >= LEAST

    @property
    def value(self) -> Float[Tensor, ""]:
        """phi, in [0, 1]."""
        if not self.tells:
            return self.known.new_zeros(())
        model = self.log_g, self.log_prior, self.shares
        share = counted_share(self.known, self.pool, self.references, self.quantile, model)
        return torch.where(self.pool.sum() > 0, share, 0.0)


def _counts(score: Float[Tensor, " B"], weight: Float[Tensor, " B"]) -> Float[Tensor, " bins"]:
    """The weights of the scores in each bin."""
    place = (score.clamp(0, 1) * (BINS - 1)).long()
    bins = torch.arange(BINS, device=score.device)
    # a sum over a comparison, because adding at indices has no fixed order on a GPU
    return ((place == bins[:, None]) * weight).sum(1).float()


class Prototypes(nn.Module):
    """How much rows look like some class: by a network's features, in evaluation.

    Attributes:
        mean: (K, D) recent mean features of the labeled rows of each class.
        center: (D,) of the pool.

    Args:
        net: with `features`.
        facts: classes and the shape of an input.
    """

    mean: Tensor
    center: Tensor

    def __init__(self, net: nn.Module, facts: Facts) -> None:
        super().__init__()
        like = next(net.parameters())
        with torch.no_grad(), evaluating(net):
            features = net.features(like.new_zeros(1, *facts.shape))  # type: ignore[operator]
        self.register_buffer("mean", torch.zeros(facts.num_classes, features.shape[1]))
        self.register_buffer("center", torch.zeros(features.shape[1]))

    @torch.no_grad()
    def forward(
        self, net: nn.Module, x: Tensor, target: Float[Tensor, "B K"], u: Tensor
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, " U"]]:
        """Scores in [0, 1] of labeled and of pool rows, after what these have taught.

        (1 + cosine) / 2 to the nearest class mean, both seen from the pool's center.

        Args:
            net: with `features`.
            x: (B, *shape).
            target: of the rows of x; one of zeros teaches nothing.
            u: (U, *shape).
        """
        with evaluating(net):
            features = net.features(torch.cat([x, u])).float()  # type: ignore[operator]
        count = target.sum(0).unsqueeze(1)
        means = target.T @ features[: len(x)] / count.clamp(min=1)
        self.mean.lerp_(torch.where(count > 0, means, self.mean), 1 - MEMORY)
        self.center.lerp_(features[len(x) :].mean(0), 1 - MEMORY)
        rows = F.normalize(features - self.center, dim=1)
        score = (1 + (rows @ F.normalize(self.mean - self.center, dim=1).T).amax(1)) / 2
        return score[: len(x)], score[len(x) :]

"""Fix-A-Step (Huang et al., 2022, https://arxiv.org/abs/2208.11870), for any method with a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from realmix.contract.algorithm import Batch, Nets, Step
from realmix.functional.mixing import mix_together
from realmix.functional.targets import guess, one_hot

ALPHA, TEMPERATURE = 0.75, 0.5  # of the mixing and of the guesses, as in MixMatch


@torch.no_grad()
def agreeing(parameters: Sequence[nn.Parameter], labeled: Sequence[Tensor]) -> None:
    """Leave the labels' gradient alone in `grad` where the rest of it disagrees (section 3.2).

    With g = g_L + g_U the rest disagrees if g_L . g_U = g_L . g - |g_L|^2 is negative. One product
    over all parameters; nothing waits for the device.

    Args:
        parameters: whose `grad` is g; None, where nothing depends on one, stays so.
        labeled: g_L of each.
    """
    pairs = [
        (p, p.grad, own) for p, own in zip(parameters, labeled, strict=True) if p.grad is not None
    ]
    product = torch.stack([(own * (whole - own)).sum() for _, whole, own in pairs]).sum()
    for parameter, whole, own in pairs:
        parameter.grad = torch.where(product < 0, own, whole)


def mixed_labels(nets: Nets, batch: Batch, step: Step, num_classes: int) -> Batch:
    """Labeled rows mixed with rows of the batch, labeled or not (section 3.1); the pool as it was.

    A pool row's target is the sharpened guess from its first view. Batches without a pool, with
    several labeled views or with targets that are no labels are left as they are.

    Args:
        nets: of which the student guesses.
        batch: B labeled and B' unlabeled rows.
        step: whose generator draws shares and partners.
        num_classes: K.

    Returns:
        A batch whose labels are (B, K) distributions.
    """
    labeled, pool = batch.labeled, batch.unlabeled
    if not pool.views or len(labeled.views) != 1 or labeled.label.ndim > 1:
        return batch
    (x,), y = labeled.views, one_hot(labeled.label, num_classes)
    u, q = pool.views[0], guess(nets.student, pool.views[:1], TEMPERATURE)
    (mixed, _), (target, _) = mix_together((x, u), (y, q), ALPHA, step.rng)
    return replace(batch, labeled=replace(labeled, views=(mixed,), label=target))

"""Noise that is added, and noise that is found: perturbed inputs, wrong labels."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def gaussian(values: Tensor, deviation: float, rng: torch.Generator) -> Tensor:
    """Values plus independent normal noise (Temporal Ensembling, table 5; Mean Teacher, app. B).

    A deviation of 0 draws nothing and gives back `values` itself.

    Args:
        values: floating-point, of any shape: images in [-1, 1], standardized features.
        deviation: standard deviation of the noise, >= 0, in the units of `values`.
        rng: CPU generator.
    """
    if deviation == 0:
        return values
    noise = torch.randn(values.shape, generator=rng)  # float32, so that every dtype sees the same
    return values + deviation * noise.to(values.device, values.dtype, non_blocking=True)


def perturbed(inputs: Tensor, noise: float, rng: torch.Generator) -> Tensor:
    """Inputs of a network plus `gaussian` noise, in the unit of their own standard deviation.

    The published amounts are for inputs of deviation 1, as standardized feature rows are. Natural
    images in [-1, 1] have half of that, so they get half as much.

    Args:
        inputs: (N, C, H, W) images in [-1, 1], or (N, D) features of deviation 1.
        noise: standard deviation of the noise relative to that of the inputs, >= 0.
        rng: CPU generator.
    """
    return gaussian(inputs, noise * (0.5 if inputs.ndim == 4 else 1.0), rng)


def clean_probability(losses: Float[Tensor, " N"], seed: int) -> Float[Tensor, " N"]:
    """How likely each label is right: it belongs to the lower of two normals of the losses.

    The losses are scaled to [0, 1] and a mixture of two normals is fitted by expectation
    maximization (DivideMix, section 3.1; 10 iterations, tolerance 0.01, variances plus 0.0005, as
    in its code). Where all losses are equal nothing speaks against any label: 1.

    Args:
        losses: of one network on all labeled examples, without augmentation.
        seed: of the mixture's start.

    Returns:
        float32 in [0, 1], on the CPU.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    values = np.asarray(losses.to("cpu").double())[:, None]
    spread = values.max() - values.min()
    if spread == 0:
        return torch.ones(len(values))
    scaled = (values - values.min()) / spread
    mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=seed)
    # threads add in an order of their own, which would be seen in the last digit
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        probs = mixture.fit(scaled).predict_proba(scaled)
    return torch.from_numpy(probs[:, mixture.means_[:, 0].argmin()]).float()

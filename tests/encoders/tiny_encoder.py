"""A tiny encoder with random weights, and pictures of noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from realmix.encoders.encoder import Look, PhotoEncoder

NETWORK = "test_efficientnet"  # timm's own for tests: 0.3 M weights
SIDE = 16
LOOK = Look(SIDE, (0.5, 0.25, 0.0), (0.5, 0.25, 1.0), "bilinear")


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    body = nn.Conv2d(3, 5, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*body)


def encoder(seed: int = 0, look: Look = LOOK) -> PhotoEncoder:
    return PhotoEncoder("tiny", network(seed), look)


def pictures(count: int = 70, side: int = 12, seed: int = 0) -> np.ndarray:
    """(count, 3, side, side) uint8."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def weights_file(folder: Path, seed: int = 0) -> Path:
    """Of `NETWORK`, drawn at random."""
    import timm

    torch.manual_seed(seed)
    state = timm.create_model(NETWORK, num_classes=7).state_dict()
    file = folder / f"weights-{seed}.safetensors"
    save_file({name: value.contiguous() for name, value in state.items()}, file)
    return file


def photos(folder: Path, labeled: int = 24, pool: int = 16) -> Path:
    """A folder of class folders: bright and dark pictures of noise, and a pool of both."""
    rng = np.random.default_rng(0)
    for i in range(labeled + pool):
        bright = i % 2
        kind = ("dark", "bright")[bright] if i < labeled else "unlabeled"
        place = folder / kind
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(100 * bright, 100 * bright + 156, (40, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{i}.png")
    return folder

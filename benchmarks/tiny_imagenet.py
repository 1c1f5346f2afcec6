"""Pictures of Tiny ImageNet at 32 pixels: what is foreign to CIFAR-10, or seen before it."""

from __future__ import annotations

import io
import os
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

FILE = "tinyimagenet32_10k_webp.npz"  # in REALMIX_DATA: 50 pictures of each of 200 classes


@cache
def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All of them, their classes, and whether the class falls under one of CIFAR-10's.

    Returns:
        (10000, 3, 32, 32) uint8, (10000,) int64 from 0 to 199, (10000,) bool.
    """
    with np.load(Path(os.environ["REALMIX_DATA"]) / FILE) as packed:
        blob, offsets = packed["blob"].tobytes(), packed["offsets"].tolist()
        label, known = packed["label"].astype(np.int64), packed["cifar10_overlap"] >= 0
    opened = (Image.open(io.BytesIO(blob[start:end])) for start, end in pairwise(offsets))
    rows = np.stack([np.asarray(picture.convert("RGB")) for picture in opened])
    return np.ascontiguousarray(rows.transpose(0, 3, 1, 2)), label, known[label]

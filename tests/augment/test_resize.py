"""Enlarging against Pillow's resize, every filter bit by bit."""

import numpy as np
import pytest
import torch
from PIL import Image

from realmix.augment.resize import FILTERS, enlarge

PILLOW = [
    Image.Resampling.LANCZOS,
    Image.Resampling.BICUBIC,
    Image.Resampling.BILINEAR,
    Image.Resampling.BOX,
    Image.Resampling.HAMMING,
]


def pillow(image: torch.Tensor, share: float, method: int) -> torch.Tensor:
    picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
    w, h = picture.size
    cropped = picture.crop((share * w, share * h, w * (1 - share), h * (1 - share)))
    return torch.from_numpy(np.array(cropped.resize((w, h), PILLOW[method]))).permute(2, 0, 1)


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (32, 32), (20, 33), (4, 7)])
def test_every_filter_is_pillows_at_every_share(size):
    assert len(PILLOW) == FILTERS
    rng = np.random.default_rng(0)
    shares = torch.linspace(0, 0.25, 21, dtype=torch.float64).repeat(FILTERS)
    method = torch.arange(FILTERS).repeat_interleave(21)
    images = torch.from_numpy(rng.integers(0, 256, (21 * FILTERS, 3, *size)).astype(np.uint8))
    before = images.clone()
    ours = enlarge(images, shares, method)
    assert torch.equal(images, before)
    for i, image in enumerate(images):
        assert torch.equal(ours[i], pillow(image, shares[i].item(), int(method[i])))


def test_nothing_cut_off_is_the_image_itself():
    images = torch.randint(0, 256, (FILTERS, 1, 9, 9), dtype=torch.uint8)
    assert torch.equal(enlarge(images, torch.zeros(FILTERS), torch.arange(FILTERS)), images)

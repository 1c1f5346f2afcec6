"""Every example runs, with little patience."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 100


@pytest.fixture(scope="module")
def segmentation() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / "segmentation.py"))


def test_segmentation_prints_both_figures(segmentation: dict[str, Any], capsys: Any) -> None:
    alone, both = segmentation["main"](steps=2, seeds=1)
    assert f"{alone:.3f} with 8 labels alone, {both:.3f} with self-training" in (
        capsys.readouterr().out
    )


def test_segmentation_has_two_kinds_of_pixels_and_hides_their_colors(
    segmentation: dict[str, Any],
) -> None:
    grey, mask = segmentation["patches"]()
    assert grey.shape == (260, 1, 16, 16)
    assert mask.shape == (260, 16, 16)
    assert grey.min() >= -1
    assert grey.max() <= 1
    assert 0.3 < mask.float().mean() < 0.7


def test_mean_iou_is_that_of_a_hand_counted_case(segmentation: dict[str, Any]) -> None:
    mask = torch.tensor([[[0, 0, 1, 1]]])
    found = torch.tensor([[[0, 1, 1, 1]]])
    logits = torch.nn.functional.one_hot(found, 2).movedim(-1, 1).float()
    iou = segmentation["mean_iou"](lambda grey: logits, mask, mask)
    assert iou == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_masks_move_along_with_their_patches(segmentation: dict[str, Any]) -> None:
    torch.manual_seed(0)
    grey = torch.zeros(50, 1, 16, 16)
    grey[..., :8] = 100.0  # far more than brightness and noise
    mask = (grey[:, 0] > 0).long()
    moved, masks = segmentation["strong"](grey, mask)
    assert torch.equal(masks, (moved[:, 0] > 20).long())
    assert 0 < (masks[:, 0, 0] == 1).float().mean() < 1

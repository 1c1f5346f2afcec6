"""Networks: (B, *shape) float32 inputs to (B, K) logits, by name."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from realmix.errors import UsageError
from realmix.models.convnet import ConvNet
from realmix.models.mlp import MLP
from realmix.models.wide_resnet import WideResNet
from realmix.randomness import derive
from realmix.wording import suggestion

NAMES = ("convnet", "mlp", "wrn-28-2", "timm:NAME")


def build(name: str, shape: tuple[int, ...], num_classes: int, seed: int) -> nn.Module:
    """A new network; the same arguments give the same weights.

    Args:
        name: "auto" (a ConvNet for images, an MLP for feature rows), "convnet", "mlp",
            "wrn-DEPTH-WIDTH" or "timm:NAME".
        shape: of one input: (C, H, W) or (D,).
        num_classes: K.
        seed: of the initial weights.

    Raises:
        UsageError: for an unknown name, or a network that does not take inputs of that shape.
    """
    if name == "auto":
        name = "convnet" if len(shape) == 3 else "mlp"
    known = name in NAMES or re.fullmatch(r"wrn-\d+-\d+|timm:.+", name)
    if known and (name == "mlp") != (len(shape) == 1):
        kind = "feature rows" if len(shape) == 1 else "images"
        raise UsageError(f"The network '{name}' does not take {kind}; --model auto chooses one.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed))
        return _build(name, shape, num_classes)


def _build(name: str, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    if name == "convnet":
        return ConvNet(shape[0], min(shape[1:]), num_classes)
    if name == "mlp":
        return MLP(shape[0], num_classes)
    if wide := re.fullmatch(r"wrn-(\d+)-(\d+)", name):
        try:
            return WideResNet(shape[0], num_classes, int(wide[1]), int(wide[2]))
        except ValueError as error:
            raise UsageError(f"--model {name}: {error}.") from None
    if name.startswith("timm:"):
        return _timm(name.removeprefix("timm:"), shape, num_classes)
    raise UsageError(
        f"There is no network '{name}'.{suggestion(name, NAMES)} Known: {', '.join(NAMES)}."
    )


def _timm(name: str, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    try:
        import timm
    except ImportError:
        raise UsageError(
            f"--model timm:{name} needs timm: pip install 'realmix[vision]'."
        ) from None
    if name not in timm.list_models():
        raise UsageError(f"timm has no model '{name}'.{suggestion(name, timm.list_models())}")
    options: dict[str, Any] = {"num_classes": num_classes, "in_chans": shape[0]}
    try:  # transformers must be told the size of the images, convolutional networks refuse it
        return timm.create_model(name, img_size=shape[1:], **options)
    except TypeError:
        return timm.create_model(name, **options)

"""Networks: (B, *shape) float32 inputs to (B, K) logits, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn

from realmix.base.errors import UsageError
from realmix.base.randomness import derive
from realmix.base.wording import suggestion
from realmix.models.committee import Committee
from realmix.models.composed import Blend, Pair, UnitFeatures
from realmix.models.convnet import ConvNet
from realmix.models.head import Head
from realmix.models.linear import Linear
from realmix.models.mlp import MLP
from realmix.models.neighbors import Neighbors
from realmix.models.own import PREFIX, as_network, unknown
from realmix.models.timm_models import timm_network
from realmix.models.trees import Boosting, Forest, TreeNetwork
from realmix.models.tuned.adapters import merged as merged
from realmix.models.tuned.network import TUNED, TunedPhotos
from realmix.models.tuned.texts import READS, Named, TunedTexts
from realmix.models.wide_resnet import WideResNet

Make = Callable[[tuple[int, ...], int], nn.Module]
"""From the shape of one input and K to a new module; see `own.as_network`."""
NETWORKS: dict[str, Make] = {
    "convnet": lambda shape, num_classes: ConvNet(shape[0], min(shape[1:]), num_classes),
    "mlp": lambda shape, num_classes: MLP(shape[0], num_classes),
    "linear": lambda shape, num_classes: Linear(shape[0], num_classes),
}
"""All networks by name, but for those whose names say more: "wrn-28-2", "timm:NAME". Put yours in;
its own state is what a model file holds, so whoever loads one puts it in first."""
NAMES = ("convnet", "mlp", "linear", "wrn-28-2", "timm:NAME")
FOR_ROWS = r"mlp|linear|forest|boosting|committee|neighbors-[1-9]\d*"
TREES = {"forest": Forest, "boosting": Boosting, "committee": Committee}
PAIR = "pair:"
UNIT = "unit:"
BLEND = "blend:"


def blend_name(first: str, second: str) -> str:
    """The name of two networks that answer together; `build` takes it.

    >>> blend_name("linear", "mlp")
    'blend:linear+mlp'
    """
    return f"{BLEND}{first}+{second}"


def last_part(name: str, network: nn.Module) -> tuple[str, nn.Module]:
    """Of two networks that answer together the second, of any other network itself."""
    if isinstance(network, Blend):
        return name.removeprefix(BLEND).rpartition("+")[2], network.second
    return name, network


def resolved(name: str, shape: tuple[int, ...]) -> str:
    """The network that is meant, where "auto" leaves it open."""
    return ("convnet" if len(shape) == 3 else "mlp") if name == "auto" else name


def described(name: str, network: nn.Module, shape: tuple[int, ...]) -> str:
    """Name and size of a network, and what it looks at.

    >>> described("auto", nn.Linear(2, 3), (2,))
    'mlp (9 weights) on 2 columns'
    """
    count = sum(parameter.numel() for parameter in network.parameters())
    if re.fullmatch(READS, name):
        encoder, _, longest = Named.of(name)
        return f"{encoder} ({count:,} of its weights train) on up to {longest} tokens"
    if resolved(name, shape).startswith(TUNED):
        encoder, _, side = name.removeprefix(TUNED).rpartition("@")
        return f"{encoder} ({count:,} of its weights train) on {side} x {side} pixels"
    inputs = f"{shape[1]} x {shape[2]} pixels" if len(shape) == 3 else f"{shape[0]:,} columns"
    trees = sum(len(part.roots) for part in network.modules() if isinstance(part, TreeNetwork))
    size = f"{trees:,} trees" if trees else f"{count:,} weights"
    return f"{resolved(name, shape)} ({size}) on {inputs}"


def build(
    name: str,
    shape: tuple[int, ...],
    num_classes: int,
    seed: int,
    dropout: float = 0.0,
    stochastic_depth: float = 0.0,
) -> nn.Module:
    """A new network; the same arguments give the same weights.

    It has `features(inputs)`, (B, D), and `head`, from there to the logits.

    Args:
        name: "auto" (a ConvNet for images, an MLP for feature rows), a name of `NETWORKS`,
            "forest", "boosting", "committee", "neighbors-COUNT", "wrn-DEPTH-WIDTH", "timm:NAME",
            "tuned:ENCODER@SIDE" or, of texts, "tuned:ENCODER=SIZES@TOKENS"; "pair:" before one of
            these makes two of it, "unit:" gives its features length 1 before the head, and
            "blend:A+B" is two that answer together (`composed.Blend`).
        shape: of one input: (C, H, W), (D,), or (1, L) of token numbers.
        num_classes: K.
        seed: of the initial weights.
        dropout: of the head's inputs, in training.
        stochastic_depth: of the last residual unit, in training; for networks that have any.

    Raises:
        UsageError: for an unknown name, or a network that does not take inputs of that shape.
    """
    if name.startswith(BLEND):
        parts = name.removeprefix(BLEND).split("+")
        first, second = (build(part, shape, num_classes, seed) for part in parts)
        return Blend(first, second)
    if name.startswith(PAIR):
        one, options = name.removeprefix(PAIR), (dropout, stochastic_depth)
        if one.startswith(PAIR):
            raise UsageError(f"There is no pair of pairs: --model {one.removeprefix(PAIR)}.")
        seeds = seed, derive(seed, 1)
        return _two(one, [build(one, shape, num_classes, each, *options) for each in seeds])
    if name.startswith(UNIT):
        one, options = name.removeprefix(UNIT), (dropout, stochastic_depth)
        return UnitFeatures(build(one, shape, num_classes, seed, *options))
    name = resolved(name, shape)
    for_rows = re.fullmatch(FOR_ROWS, name) is not None
    known = for_rows or name in NAMES or re.fullmatch(r"wrn-\d+-\d+|(timm|tuned):.+", name)
    if known and for_rows != (len(shape) == 1) and not re.fullmatch(READS, name):
        kind = "feature rows" if len(shape) == 1 else "images"
        raise UsageError(f"The network '{name}' does not take {kind}: 'auto' chooses one.")
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would call on every kind of device that there may be, each time
        torch.default_generator.manual_seed(derive(seed))
        return _build(name, shape, num_classes, dropout, stochastic_depth)


def _build(
    name: str, shape: tuple[int, ...], num_classes: int, dropout: float, stochastic_depth: float
) -> nn.Module:
    if name in NETWORKS:
        network: Any = as_network(NETWORKS[name](shape, num_classes), shape, num_classes)
        if isinstance(network.head, Head):
            network.head.dropout = dropout
        return cast(nn.Module, network)
    if name.startswith(PREFIX):
        raise unknown(name)
    if name in TREES:
        return TREES[name](shape[0], num_classes)
    if re.fullmatch(FOR_ROWS, name):
        return Neighbors(shape[0], num_classes, k=int(name.partition("-")[2]))
    if wide := re.fullmatch(r"wrn-(\d+)-(\d+)", name):
        depth, width = int(wide[1]), int(wide[2])
        try:
            return WideResNet(shape[0], num_classes, depth, width, dropout, stochastic_depth)
        except ValueError as error:
            raise UsageError(f"--model {name}: {error}.") from None
    if re.fullmatch(READS, name):
        return TunedTexts.named(name, num_classes, dropout)
    if name.startswith(TUNED):
        return TunedPhotos.named(name, num_classes, dropout)
    if name.startswith("timm:"):
        options = {"drop_rate": dropout, "drop_path_rate": stochastic_depth}
        given = {key: value for key, value in options.items() if value}
        return timm_network(name.removeprefix("timm:"), shape, num_classes, given)
    known = list(dict.fromkeys([*NAMES, *NETWORKS]))
    raise UsageError(
        f"There is no network '{name}'.{suggestion(name, known)} Known: {', '.join(known)}."
    )


def _two(name: str, networks: list[nn.Module]) -> Pair:
    """Two networks that decide together.

    Raises:
        UsageError: they have the same weights, so they would always agree.
    """
    first, second = (network.state_dict() for network in networks)
    if all(torch.equal(value, second[key]) for key, value in first.items()):
        raise UsageError(
            f"This method trains two networks that begin with different weights, and '{name}'"
            " always begins with the same. Put a function that makes new ones into"
            " realmix.NETWORKS and give its name."
        )
    return Pair(*networks)

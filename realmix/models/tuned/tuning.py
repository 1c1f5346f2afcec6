"""How much of an encoder is trained: its head alone, its last layers, all of it, or additions.

What is not trained becomes a buffer, so nothing that walks over parameters (the optimizer, its
weight decay, a copy that is to train) has to know of it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from torch import nn

from realmix.base.randomness import generator
from realmix.models.tuned.adapters import adapt
from realmix.models.tuned.network import Tuned

RANK = 8  # of lora


def tune(network: Tuned, how: str, seed: int) -> None:
    """Freeze what is not to be trained, and let the body's BatchNorm be as it was pretrained.

    Args:
        network: changed in place.
        how: "head"; "last", the last block or stage, and what follows it; "all"; "lora" or
            "lora-RANK", additions of low rank to all matrices (`adapters`).
        seed: of the additions.

    Raises:
        UsageError: lora for a network that has few matrices.
    """
    kind, rank = parsed(how)
    network.still = True
    network.train()
    if kind != "all":
        kept = set(_last(network)) if kind == "last" else set()
        _freeze(network.body, [name for name, _ in network.body.named_parameters()], kept)
    if kind == "lora":
        adapt(network.body, rank, generator(seed))


def parsed(how: str) -> tuple[str, int]:
    """What is trained, and the rank of what is added.

    >>> parsed("lora-4"), parsed("last")
    (('lora', 4), ('last', 8))
    """
    kind, _, rank = how.partition("-")
    return kind, int(rank or RANK)


def _last(network: Tuned) -> list[str]:
    """The uppermost layers down to the first that has a matrix: not a normalization alone."""
    values, names = dict(network.body.named_parameters()), list[str]()
    for group in reversed(network.layers):
        names += group
        if any(values[name].ndim > 1 for name in group):
            break
    return names


def _freeze(network: nn.Module, names: Iterable[str], kept: Container[str]) -> None:
    """Make buffers of a network's parameters, but for those that are kept."""
    for name in names:
        if name not in kept:
            parent, _, own = name.rpartition(".")
            part = network.get_submodule(parent)
            value = getattr(part, own).detach()
            delattr(part, own)
            part.register_buffer(own, value)

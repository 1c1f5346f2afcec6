"""Any module as a network: what is checked of it, and where its last layer is."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import torch
from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.models.head import Head

PREFIX = "own:"


class Own(nn.Module):
    """A module that gives features, and the layer from there to logits.

    Args:
        body: (B, *shape) to (B, D).
        head: (B, D) to (B, K).
    """

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    def features(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, D)."""
        found: Tensor = self.body(inputs)
        return found

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, *shape) to (B, K) logits."""
        logits: Tensor = self.head(self.features(inputs))
        return logits


def as_network(module: Any, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """A module with `features` and `head`, whatever it has of its own; checked by one pass.

    One that has both is taken as it is. One that gives K numbers gives logits: its last linear
    layer is the head, if logits come straight from it, else they count as features too. One that
    gives another number D gives features, and a linear head is put behind it.

    Args:
        module: (B, *shape) float32 to (B, K) logits or (B, D) features. Its parts are taken over.
        shape: of one input: (C, H, W) in [-1, 1], or (D,) standardized.
        num_classes: K.

    Raises:
        UsageError: it is no module, does not take such inputs, or gives something else.
    """
    if not isinstance(module, nn.Module):
        raise UsageError(f"A network is a torch.nn.Module, not {type(module).__name__}.")
    name = type(module).__name__
    with torch.random.fork_rng(devices=[]):  # dropout and the like may draw
        given = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
        answer = _answer(module, given, name)
    if answer.ndim != 2 or len(answer) != 2:
        raise UsageError(
            f"{name} gives {tuple(answer.shape)} for inputs {tuple(given.shape)}: it must give"
            f" logits, (2, {num_classes}), or features, (2, D)."
        )
    logits = answer.shape[1] == num_classes
    if logits and num_classes > 1 and _are_probabilities(answer):
        raise UsageError(
            f"{name} gives probabilities, which sum to 1: losses take logits. Leave out its"
            " softmax."
        )
    if hasattr(module, "features") and hasattr(module, "head") and logits:
        return module
    if not logits:
        return Own(module, Head(answer.shape[1], num_classes))
    return _divided(module, given, answer) or Own(module, nn.Identity())


def _answer(module: nn.Module, given: Tensor, name: str) -> Tensor:
    was_training = module.training
    try:
        with torch.no_grad():
            answer = module.eval()(given)
    except Exception as error:  # whatever somebody's code may raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        shape = tuple(given.shape)
        raise UsageError(f"{name} does not take inputs of shape {shape}: {reason}") from error
    finally:
        module.train(was_training)
    if not isinstance(answer, Tensor):
        raise UsageError(f"{name} gives {type(answer).__name__}; it must give one tensor.")
    return answer


def _divided(module: nn.Module, given: Tensor, answer: Tensor) -> Own | None:
    """The module up to its last linear layer and that layer, if together they are the whole."""
    found = [name for name, part in module.named_modules() if isinstance(part, nn.Linear) and name]
    if not found:
        return None
    body = copy.deepcopy(module)
    parent, _, last = found[-1].rpartition(".")
    head = body.get_submodule(found[-1])
    setattr(body.get_submodule(parent), last, nn.Identity())
    try:
        features = _answer(body, given, "")
        with torch.no_grad():
            whole = features.ndim == 2 and torch.equal(head(features), answer)
    except (UsageError, RuntimeError):  # the rest does not fit without it
        return None
    return Own(body, head) if whole else None


def _are_probabilities(answer: Tensor) -> bool:
    return bool((answer >= 0).all() and (answer.sum(1) - 1).abs().max() < 1e-4)


def own_name(module: nn.Module) -> str:
    """A name for a module that changes with its class and the shapes of its weights.

    >>> own_name(nn.Linear(2, 3))
    'own:Linear-266fa4'
    """
    state = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
    mark = hashlib.sha256(repr((type(module).__qualname__, state)).encode()).hexdigest()
    return f"{PREFIX}{type(module).__name__}-{mark[:6]}"


def unknown(name: str) -> UsageError:
    """The error for a module whose class is not here."""
    kind = name.removeprefix(PREFIX).rpartition("-")[0]
    return UsageError(
        f"This model's network is your own class {kind}, and a model file holds weights, no code."
        f" Say first how it is made: realmix.NETWORKS['{name}'] ="
        f" lambda shape, num_classes: {kind}(...)."
    )

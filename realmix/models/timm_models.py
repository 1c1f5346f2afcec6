"""Any network of timm, with the parts that ours have."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.base.wording import suggestion


class TimmNetwork(nn.Module):
    """A timm model. `head` is its classifier, `features` what the classifier is given."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body

    @property
    def head(self) -> nn.Module:
        classifier: nn.Module = self.body.get_classifier()
        return classifier

    def features(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] to (B, D)."""
        found: Tensor = self.body.forward_head(self.body.forward_features(images), pre_logits=True)
        return found

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] to (B, K) logits."""
        logits: Tensor = self.body(images)
        return logits


def timm_network(
    name: str, shape: tuple[int, ...], num_classes: int, options: dict[str, Any]
) -> TimmNetwork:
    """The model of that name, with random weights.

    Raises:
        UsageError: timm is not installed, has no such model, or one with several heads.
    """
    try:
        import timm
    except ImportError:
        raise UsageError(
            f"--model timm:{name} needs timm: pip install 'realmix[vision]'."
        ) from None
    if name not in timm.list_models():
        raise UsageError(f"timm has no model '{name}'.{suggestion(name, timm.list_models())}")
    # transformers must be told the size of the images, convolutional networks refuse it; networks
    # without units to skip refuse to be told how often
    needed = {"num_classes": num_classes, "in_chans": shape[0]}
    kept = {key: value for key, value in options.items() if key != "drop_path_rate"}
    *tries, last = (
        {**needed, **size, **wishes}
        for wishes in (options, kept)
        for size in ({"img_size": shape[1:]}, {})
    )
    for arguments in tries:
        with suppress(TypeError):
            return _whole(name, timm.create_model(name, **arguments))
    return _whole(name, timm.create_model(name, **last))


def _whole(name: str, body: Any) -> TimmNetwork:
    network = TimmNetwork(body)
    if not isinstance(network.head, nn.Module):  # a tuple
        raise UsageError(f"timm's '{name}' has several heads. Take one of its relatives with one.")
    return network

"""Any network of timm, with the parts that ours have."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from realmix.errors import UsageError
from realmix.wording import suggestion


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
        UsageError: timm is not installed, or has no such model.
    """
    try:
        import timm
    except ImportError:
        raise UsageError(
            f"--model timm:{name} needs timm: pip install 'realmix[vision]'."
        ) from None
    if name not in timm.list_models():
        raise UsageError(f"timm has no model '{name}'.{suggestion(name, timm.list_models())}")
    options = {"num_classes": num_classes, "in_chans": shape[0], **options}
    try:  # transformers must be told the size of the images, convolutional networks refuse it
        return TimmNetwork(timm.create_model(name, img_size=shape[1:], **options))
    except TypeError:
        return TimmNetwork(timm.create_model(name, **options))

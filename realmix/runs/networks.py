"""The networks of a run: new ones that start at random, from another run or from an encoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from realmix import models
from realmix.base.randomness import derive
from realmix.contract.algorithm import Recipe
from realmix.encoders.catalogue import photo_encoder
from realmix.evaluate.pairing import Pairing
from realmix.models.composed import Blend
from realmix.models.tuned import Tuned, tuned_name
from realmix.models.tuning import tune
from realmix.runs.choose import settings
from realmix.runs.classifier import Classifier, load_classifier
from realmix.runs.config import Config
from realmix.runs.methods import method_class

ADAPTERS = 44  # stream of randomness
TUNING: dict[str, Any] = {
    "optimizer": "adam",
    "learning_rate": 0.001,
    "weight_decay": 0.02,
    "schedule": "cosine",
    "batch_size": 16,
    "warm_up": 0.1,
    "layer_decay": 0.75,
    "ema_decay": 0.99,
}
"""Of every method's recipe, what differs where an encoder is tuned: it is to change little."""


def settings_of(config: Config, method: str) -> tuple[dict[str, Any], Recipe]:
    """The fields of a run's method, and the recipe that all of its trainings have.

    Raises:
        UsageError: for a field that is neither's, or a bad value.
    """
    fields, recipe = settings(method_class(method), config.fields)
    if config.tune:
        recipe = replace(
            recipe, **{name: TUNING[name] for name in TUNING.keys() - config.fields.keys()}
        )
    return fields, recipe


class Networks:
    """Makes networks. The same number gives the same weights.

    Attributes:
        model: the name of the network; with `init` and no other wish, that of its run.

    Args:
        config: of the run.
        shape: of one input.
        num_classes: K.
        recipe: dropout and stochastic depth.

    Raises:
        UsageError: `init` is no finished run.
        StorageError: its model is damaged.
    """

    def __init__(
        self, config: Config, shape: tuple[int, ...], num_classes: int, recipe: Recipe
    ) -> None:
        self.shape, self.num_classes, self.seed, self.recipe = (
            shape,
            num_classes,
            config.seed,
            recipe,
        )
        self.start = load_classifier(Path(config.init)).single if config.init else None
        self.model = self.start.model if self.start and config.model == "auto" else config.model
        self.tune = config.tune
        if self.tune:
            self.encoder = photo_encoder(str(config.encoder), config.image_size)
            self.model = tuned_name(self.encoder.reference.name, self.encoder.look.size)

    def __call__(
        self, number: int = 0, model: str | None = None, recipe: Recipe | None = None
    ) -> nn.Module:
        """A new network.

        Args:
            number: 0 for the one that every contender begins with; others have other weights.
            model: its name; the run's by default. Only the run's starts from `init`.
            recipe: dropout and stochastic depth; the run's by default.

        Raises:
            UsageError: it cannot be built, or does not fit what it should start from.
        """
        model, recipe = model or self.model, recipe or self.recipe
        network = models.build(
            model,
            self.shape,
            self.num_classes,
            derive(self.seed, number) if number else self.seed,
            recipe.dropout,
            recipe.stochastic_depth,
        )
        if self.start and model == self.model:
            self.start.lend_body(network)
        if self.tune:
            self._tuned(network, self.tune, number)
        return network

    def _tuned(self, network: nn.Module, how: str, number: int) -> None:
        """Let each encoder that is part of a network begin as it was pretrained."""
        encoders = [part for part in network.modules() if isinstance(part, Tuned)]
        for place, part in enumerate(encoders):
            part.take(self.encoder.weights, f"The encoder {self.encoder.reference.name}")
            tune(part, how, derive(self.seed, ADAPTERS, number, place))


def together(
    first: Classifier, second: Classifier, pairing: Pairing, about: dict[str, Any]
) -> Classifier:
    """Two classifiers of the same classes and inputs as one, whose answers are weighed."""
    temperatures = pairing.baseline_temperature, pairing.candidate_temperature
    network = Blend(first.network, second.network, pairing.weight, temperatures)
    model = models.blend_name(first.model, second.model)
    return replace(first, network=network, model=model, about=about)

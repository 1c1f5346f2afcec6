"""The networks of a run: new ones that start at random, from another run or from an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from realmix import models
from realmix.base.errors import UsageError
from realmix.base.randomness import derive
from realmix.base.wording import printable
from realmix.contract.algorithm import Recipe
from realmix.encoders.catalogue import LIBRARIES, network_of_file, photo_encoder
from realmix.encoders.texts.bert import Bert
from realmix.encoders.weights import holds_weights, read_state
from realmix.evaluate.pairing import Pairing
from realmix.models.composed import Blend
from realmix.models.tuned.network import Tuned, tuned_name
from realmix.models.tuned.texts import Named, trainable
from realmix.models.tuned.tuning import tune
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
    "rate_warm_up": 0.1,
    "layer_decay": 0.75,
    "ema_decay": 0.99,
    "unlabeled_ratio": 3,
}
"""Of every method's recipe, what differs where an encoder is tuned: it is to change little, and a
step of it costs as much as hundreds of a small network. No method gets more of the pool than its
paper has it."""

OF_TEXTS: dict[str, Any] = {"learning_rate": 0.0002}
"""Where it reads texts, what differs from that."""


def settings_of(config: Config, method: str, texts: bool = False) -> tuple[dict[str, Any], Recipe]:
    """The fields of a run's method, and the recipe that all of its trainings have.

    Raises:
        UsageError: for a field that is neither's, or a bad value.
    """
    fields, recipe = settings(method_class(method), config.fields)
    if config.tune:
        own = (
            TUNING
            | (OF_TEXTS if texts else {})
            | {"unlabeled_ratio": min(TUNING["unlabeled_ratio"], recipe.unlabeled_ratio)}
        )
        recipe = replace(recipe, **{name: own[name] for name in own.keys() - config.fields.keys()})
    return fields, recipe


@dataclass(frozen=True)
class Pretrained:
    """Weights of an encoder's network, with which trainings begin.

    Attributes:
        model: the name of the network that has it as its body.
        state: tensors by name.
        where: what they are from, for messages.
        how: much of it is trained: see `models.tuned.tuning`; None is all, as of any network.
    """

    model: str
    state: Mapping[str, Tensor]
    where: str
    how: str | None = None

    def lend(self, network: nn.Module, seed: int) -> None:
        """Let each encoder that is part of a network begin with them.

        Raises:
            UsageError: they are of another network, or it cannot be trained in that way.
        """
        encoders = [part for part in network.modules() if isinstance(part, Tuned)]
        for place, part in enumerate(encoders):
            part.take(self.state, self.where)
            if self.how:
                tune(part, self.how, derive(seed, ADAPTERS, place))


def pretrained(config: Config, shape: tuple[int, ...]) -> Pretrained | None:
    """The weights that --tune or a file of them for --init names.

    Args:
        config: of the run.
        shape: of one input: of pictures, or (1, L) of token numbers.

    Raises:
        UsageError: they cannot be read, or do not say which network they are of.
    """
    if config.tune and len(shape) == 2:
        reads = trainable(str(config.encoder))
        own, body = reads.reference.name, cast(Bert, reads.network)
        name = str(Named(own, body.form, shape[-1]))
        return Pretrained(name, body.state_dict(), f"The encoder {own}", config.tune)
    if config.tune:
        encoder = photo_encoder(str(config.encoder), config.image_size)
        known = encoder.reference
        name, where = tuned_name(known.name, encoder.look.size), f"The encoder {known.name}"
        return Pretrained(name, encoder.weights, where, config.tune)
    path = Path(config.init or "")
    if not holds_weights(path):
        return None
    name = config.model
    if name == "auto":
        name = network_of_file(path, "--model timm:NAME beside --init FILE")
    if name.partition(":")[0] not in LIBRARIES:
        raise UsageError(
            f"--init {printable(path)}: a file of weights is of a network of timm or torchvision,"
            f" not of '{printable(name)}'. Give --model timm:NAME or torchvision:NAME."
        )
    return Pretrained(tuned_name(name, shape[-1]), read_state(path), f"'{printable(path)}'")


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
        UsageError: `init` is no finished run and no file of weights, or what is to be tuned no
            encoder.
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
        self.start, self.model = None, config.model
        self.pretrained = pretrained(config, shape)
        if self.pretrained:
            self.model = self.pretrained.model
        elif config.init:
            self.start = load_classifier(Path(config.init)).single
            self.model = self.start.model if config.model == "auto" else config.model

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
        seed = derive(self.seed, number) if number else self.seed
        options = recipe.dropout, recipe.stochastic_depth
        network = models.build(model, self.shape, self.num_classes, seed, *options)
        if self.pretrained:
            self.pretrained.lend(network, seed)
        elif self.start and model == self.model:
            self.start.lend_body(network)
        return network


def together(
    first: Classifier, second: Classifier, pairing: Pairing, about: dict[str, Any]
) -> Classifier:
    """Two classifiers of the same classes and inputs as one, whose answers are weighed."""
    temperatures = pairing.baseline_temperature, pairing.candidate_temperature
    network = Blend(first.network, second.network, pairing.weight, temperatures)
    model = models.blend_name(first.model, second.model)
    return replace(first, network=network, model=model, about=about)

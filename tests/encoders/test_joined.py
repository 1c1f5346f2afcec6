"""Several encoders of texts as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from realmix.augment.views import network_input
from realmix.base.errors import UsageError
from realmix.data.encoded import Reference
from realmix.data.pools import Dataset
from realmix.encoders import catalogue, joined
from realmix.encoders.encoder import PhotoEncoder, kept
from realmix.encoders.joined import JoinedEncoder, unfitted
from realmix.encoders.texts import packaged
from realmix.encoders.texts.tfidf import TfidfEncoder
from realmix.encoders.texts.written import TextEncoding, Views
from tests.encoders import tiny_encoder as small
from tests.encoders.onnx_file import mean_colours

TEXTS = ["one", "a longer text", "three"]


class Fixed:
    """Random vectors of so many numbers, by the text's length."""

    kind = "texts"
    state: ClassVar[dict[str, Tensor]] = {}

    def __init__(self, name: str, width: int, mark: str = "0") -> None:
        self.reference = Reference(name, None, width, mark)

    def on(self, device: torch.device, precision: torch.dtype) -> Fixed:
        self.device = device
        return self

    def encode(self, texts: Sequence[str]) -> Tensor:
        width = self.reference.dimension
        seeds = [torch.Generator().manual_seed(width + len(text)) for text in texts]
        return kept(torch.stack([torch.randn(width, generator=seed) for seed in seeds]))


def test_each_counts_alike_whatever_its_width() -> None:
    """The cosine of two texts is the mean of those that the encoders give."""
    parts = Fixed("small", 4), Fixed("wide", 60)
    both = JoinedEncoder(parts)
    found = both.encode(TEXTS).double() / 8
    assert both.reference.dimension == 64
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3).double(), atol=2e-3, rtol=0)
    each = [torch.nn.functional.normalize(part.encode(TEXTS).double(), dim=1) for part in parts]
    mean = sum(one @ one.T for one in each) / 2
    torch.testing.assert_close(found @ found.T, mean, atol=3e-3, rtol=0)


def test_it_is_known_by_all_names_and_any_weight() -> None:
    one = JoinedEncoder([Fixed("a", 4), Fixed("b", 5)]).reference
    other = JoinedEncoder([Fixed("a", 4), Fixed("b", 5, mark="1")]).reference
    assert one.name == "a,b"
    assert one.fingerprint != other.fingerprint


def test_commas_stand_between_names(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "first": ("", lambda last: Fixed("first", 3)),
        "next": ("", lambda last: Fixed("n", 2)),
    }
    monkeypatch.setattr(packaged, "LOADERS", known)
    found = catalogue.text_encoder("first,next")
    assert isinstance(found, JoinedEncoder)
    assert found.encode(TEXTS).shape == (3, 5)
    again = found.on(torch.device("cpu"), torch.float32)
    assert again is found
    with pytest.raises(UsageError, match="There is no encoder of texts 'nex'"):
        catalogue.text_encoder("first,nex")


NEWS = [
    f"the {animal} of {place}" for animal in ("cat", "dog", "owl") for place in ("Rome", "Bonn")
]


def with_words() -> JoinedEncoder:
    return JoinedEncoder([Fixed("first", 4), TfidfEncoder.fit(NEWS * 2)])


def test_what_is_fitted_to_the_data_comes_back_from_a_model_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = with_words()
    assert both.reference.name == "first,tfidf"
    assert {name.partition(".")[0] for name in both.state} == {"1"}
    known = {"first": ("", lambda last: Fixed("first", 4))}
    monkeypatch.setattr(packaged, "LOADERS", known)
    again = catalogue.recall_text(both.reference, both.state, "This")
    assert torch.equal(again.encode(NEWS), both.encode(NEWS))
    known["first"] = ("", lambda last: Fixed("first", 4, mark="1"))
    with pytest.raises(UsageError, match="what goes by that name here has"):
        catalogue.recall_text(both.reference, both.state, "This")


def test_what_reads_alike_in_all_runs() -> None:
    first, words = Fixed("first", 4), TfidfEncoder.fit(NEWS)
    assert unfitted(JoinedEncoder([first, words])) is first
    assert unfitted(words) is words
    three = unfitted(JoinedEncoder([first, words, Fixed("next", 3)]))
    assert three.reference.name == "first,next"


def test_each_keeps_its_features_and_what_is_fitted_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path))
    monkeypatch.setattr(joined, "BLOCK", 4)  # of six rows
    both, read = with_words(), list[int]()

    def encode(texts: Sequence[str]) -> Tensor:
        read.append(len(texts))
        return Fixed("first", 4).encode(texts)

    monkeypatch.setattr(both.encoders[0], "encode", encode)
    texts = np.array(NEWS, object)
    dataset = Dataset(texts, np.array([0, 1, 0, -1, -1, -1]), ("a", "b"), "words")

    def twice(count: int, seed: int) -> tuple[Views, str]:
        return lambda text, key: [text + "!" * seen for seen in range(count)], "exclaimed"

    encoding = TextEncoding(dataset, both, twice)
    assert encoding.missing() == list(range(6))
    found = encoding.features(3, 0)
    assert found.plain.features.dtype == np.float16
    assert np.array_equal(found.plain.features[:, 0], both.encode(NEWS).numpy())
    assert found.augmented is not None
    exclaimed = both.encode([f"{text}!" for text in NEWS]).numpy()
    assert np.array_equal(found.augmented.features[:, 1], exclaimed)
    assert found.state.keys() == both.state.keys()
    read.clear()
    assert TextEncoding(dataset, both, twice).missing() == []
    again = TextEncoding(dataset, both, twice).features(3, 0)
    assert read == []
    assert np.array_equal(again.plain.features, found.plain.features)
    assert len(list((tmp_path / "features").iterdir())) == 2  # of the first: plain, and the views
    part = TextEncoding(dataset, both, twice).only([1, 4]).features(1, 0)
    assert np.array_equal(part.plain.features, found.plain.features[[1, 4]])


def two_of(folder: Path) -> str:
    return ",".join(f"timm:{small.NETWORK}={small.weights_file(folder, seed)}" for seed in (0, 1))


def seen(encoder: PhotoEncoder) -> Tensor:
    return encoder.encode(network_input(torch.from_numpy(small.pictures(3, 40)))).float()


def test_several_encoders_of_pictures_give_their_features_side_by_side(tmp_path: Path) -> None:
    names = two_of(tmp_path)
    both = catalogue.photo_encoder(names, 32)
    each = [seen(catalogue.photo_encoder(name, 32)) for name in names.split(",")]
    width = each[0].shape[1]
    assert both.reference == Reference(names, 32, 2 * width, both.reference.fingerprint)
    found = seen(both)
    for place, expected in enumerate(each):
        part = found[:, place * width : (place + 1) * width]
        torch.testing.assert_close(part, expected, rtol=2e-3, atol=2e-3)
    larger = catalogue.photo_encoder(names, 64)
    assert larger.reference.fingerprint != both.reference.fingerprint


def test_several_encoders_come_back_from_the_weights_of_a_model_file(tmp_path: Path) -> None:
    names = two_of(tmp_path)
    both = catalogue.photo_encoder(names, 32)
    kept_weights = dict(both.weights)
    for file in tmp_path.glob("weights-*"):
        file.unlink()
    again = catalogue.recall(both.reference, "This", kept_weights)
    torch.testing.assert_close(seen(again), seen(both), rtol=0, atol=0)


def test_encoders_of_different_sides_see_the_larger(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    file = tmp_path / "colours.onnx"
    file.write_bytes(mean_colours(192))
    one = f"timm:{small.NETWORK}={small.weights_file(tmp_path)}"
    both = catalogue.photo_encoder(f"{one},{file}")
    assert [each.look.size for each in both.encoders] == [192, 192]  # type: ignore[attr-defined]
    assert both.look.size == 192  # its own is 160

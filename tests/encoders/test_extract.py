"""Pictures through an encoder: kept features are those computed directly, however they came."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from realmix.augment.presets import views_of
from realmix.augment.views import network_input
from realmix.base.errors import DataError
from realmix.data.encoded import num_weak
from realmix.encoders import extract as module
from realmix.encoders.encoder import PhotoEncoder
from realmix.encoders.extract import (
    augmented_views,
    extract,
    features_of,
    least_seconds,
    plain_view,
    store_of,
)
from realmix.encoders.pictures import Arrays, Files
from realmix.encoders.store import FEATURES
from tests.encoders import tiny_encoder as small
from tests.forked import Program

AUGMENTED = augmented_views(partial(views_of, "photos"), 5, seed=3)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))


def features(images: np.ndarray, encoder: PhotoEncoder | None = None, views: int = 0) -> np.ndarray:
    """(N, V, D) by way of the cache; with `views` 0 the plain one."""
    encoder, pictures = encoder or small.encoder(), Arrays(images)
    store = store_of(encoder, {"views": views}, views or 1)
    made = AUGMENTED if views else plain_view
    kept, broken = extract(encoder, pictures, pictures.digests(), store, made)
    assert broken == 0
    return kept.features[kept.place]


def direct(images: np.ndarray) -> np.ndarray:
    return small.encoder().encode(network_input(torch.from_numpy(images))).numpy()


def test_freed_memory_is_kept_while_pictures_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, images, encoder = list[bool](), small.pictures(3), small.encoder()

    @contextmanager
    def kept() -> Iterator[None]:
        entered.append(True)
        yield
        entered.append(False)

    monkeypatch.setattr(module, "freed_memory_kept", kept)
    encode, inside = encoder.encode, list[bool]()

    def seen(inputs: Tensor) -> Tensor:
        inside.append(entered[-1:] == [True])
        return encode(inputs)

    monkeypatch.setattr(encoder, "encode", seen)
    features(images, encoder)
    list(features_of(encoder, Arrays(images)))
    least_seconds(lambda: encoder.encode(network_input(torch.from_numpy(images))))
    assert inside == [True] * 6
    assert entered == [True, False] * 3


def test_kept_features_are_those_computed_directly() -> None:
    images = small.pictures()
    first, again = features(images), features(images)
    np.testing.assert_array_equal(first[:, 0], direct(images))
    np.testing.assert_array_equal(first, again)


def test_streamed_features_are_the_kept_ones() -> None:
    images = small.pictures()
    streamed = np.concatenate(list(features_of(small.encoder(), Arrays(images))))
    np.testing.assert_array_equal(streamed, features(images)[:, 0].astype(np.float32))


def test_nothing_is_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    images, encoder, seen = small.pictures(60), small.encoder(), list[int]()
    encode = encoder.encode
    monkeypatch.setattr(encoder, "encode", lambda x: seen.append(len(x)) or encode(x))
    features(images[:40], encoder)
    features(images[20:], encoder)
    features(np.concatenate([images, images]), encoder)
    assert sum(seen) == 60


def test_views_follow_from_seed_content_and_number_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = small.pictures(50)
    whole = features(images, views=5)
    order = np.random.default_rng(0).permutation(50)
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "another"))
    np.testing.assert_array_equal(features(images[order], views=5), whole[order])
    assert all((whole[:, a] != whole[:, b]).any(1).mean() > 0.9 for a in range(5) for b in range(a))


def test_another_seed_draws_other_views() -> None:
    images = torch.from_numpy(small.pictures(8))
    key = torch.arange(8)
    views = [augmented_views(partial(views_of, "photos"), 2, seed) for seed in (0, 1)]
    first, other = (torch.stack(list(made(images, key))) for made in views)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("count", "weak"), [(0, 0), (1, 1), (2, 1), (5, 3), (7, 4)])
def test_the_first_half_of_the_views_is_weak(count: int, weak: int) -> None:
    assert num_weak(count) == weak
    names = list[str]()

    def views(shape: tuple[int, ...]) -> dict[str, object]:
        return {n: lambda x, draws, n=n: names.append(n) or x for n in ("weak", "strong")}

    made = augmented_views(views, count, 0)  # type: ignore[arg-type]
    list(made(torch.zeros(2, 3, 4, 4), torch.arange(2)))
    assert names == ["weak"] * weak + ["strong"] * (count - weak)


class Stops:
    """An encoder that is stopped in its pass number `passes`."""

    def __init__(self, encoder: PhotoEncoder, passes: int) -> None:
        self.encoder, self.left = encoder, passes
        self.device, self.look, self.reference = encoder.device, encoder.look, encoder.reference

    def encode(self, inputs: Tensor) -> Tensor:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.encoder.encode(inputs)


@pytest.mark.parametrize("passes", [0, 1, 7, 11])
def test_what_was_done_before_an_interruption_is_kept(
    passes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = small.pictures(100)  # 4 batches of 5 views
    with pytest.raises(KeyboardInterrupt):
        features(images, Stops(small.encoder(), passes), views=5)  # type: ignore[arg-type]
    rest = Stops(small.encoder(), 20 - passes // 5 * 5)
    resumed = features(images, rest, views=5)  # type: ignore[arg-type]
    assert rest.left == 0
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "another"))
    whole = features(images, views=5)
    np.testing.assert_array_equal(resumed, whole)


KILLED = """
import sys, time
from realmix.encoders import extract
from tests.encoders import test_extract
from tests.encoders import tiny_encoder as small
from tests.forked import Program
extract.EVERY = 0
encoder = small.encoder()
encode = encoder.encode
def slowly(inputs):
    print("pass", flush=True)
    time.sleep(0.1)
    return encode(inputs)
encoder.encode = slowly
test_extract.features(small.pictures(320), encoder)
"""


@pytest.mark.slow
def test_a_killed_process_loses_what_it_was_doing_alone(tmp_path: Path) -> None:
    process = Program([sys.executable, "-c", KILLED])
    for _ in range(4):
        process.stdout.readline()
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    rest = Stops(small.encoder(), 8)  # of 10 batches, two at least were kept
    resumed = features(small.pictures(320), rest)  # type: ignore[arg-type]
    np.testing.assert_array_equal(resumed[:, 0], direct(small.pictures(320)))


def test_damaged_features_are_made_again(tmp_path: Path) -> None:
    images, pictures = small.pictures(40), Arrays(small.pictures(40))
    features(images)
    (file,) = (tmp_path / "cache").rglob(FEATURES)
    content = bytearray(file.read_bytes())
    content[33] ^= 4
    file.write_bytes(content)
    store = store_of(small.encoder(), {"views": 0}, 1)
    kept, broken = extract(small.encoder(), pictures, pictures.digests(), store, plain_view)
    assert broken == 40
    np.testing.assert_array_equal(kept.features[kept.place, 0], direct(images))


def test_progress_is_told_to_the_end() -> None:
    told = list[tuple[int, int]]()
    pictures = Arrays(small.pictures(70))
    store = store_of(small.encoder(), {}, 1)
    extract(
        small.encoder(), pictures, pictures.digests(), store, plain_view, lambda *n: told.append(n)
    )
    assert told == [(0, 70), (32, 70), (64, 70), (70, 70)]


def test_files_are_read_at_the_encoders_size(tmp_path: Path) -> None:
    folder = small.photos(tmp_path / "photos")
    files = tuple(sorted(folder.rglob("*.png")))
    read = Files(files).read([3, 0], 16)
    assert read.shape == (2, 3, 16, 16)
    assert len({*Files(files).digests()}) == len(files)


def test_a_file_that_went_bad_is_an_error_or_told(tmp_path: Path) -> None:
    folder = small.photos(tmp_path / "photos", 2, 2)
    files = tuple(sorted(folder.rglob("*.png")))
    files[1].write_bytes(b"no picture")
    with pytest.raises(DataError, match="could be read before"):
        list(features_of(small.encoder(), Files(files)))
    reasons: dict[int, str] = {}
    assert len(np.concatenate(list(features_of(small.encoder(), Files(files, reasons))))) == 4
    assert set(reasons) == {1}


def test_equal_content_has_equal_digests() -> None:
    images = small.pictures(3)
    one, other = Arrays(images).digests(), Arrays(images[::-1]).digests()
    assert one == other[::-1]
    assert len({*one, *Arrays(images.reshape(3, 3, 6, 24)).digests()}) == 6


def test_reading_ahead_keeps_order_and_raises() -> None:
    assert list(module._ahead(iter(range(9)))) == list(range(9))

    def failing():
        yield 1
        raise DataError("gone")

    items = module._ahead(failing())
    assert next(items) == 1
    with pytest.raises(DataError, match="gone"):
        next(items)


def test_the_least_of_three_passes_is_what_one_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first prepares, and of the others one was disturbed: 9, 3, 7 and 2 seconds."""
    now, costs = [0.0], iter([9.0, 3.0, 7.0, 2.0])

    def encode() -> None:
        now[0] += next(costs)

    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    assert least_seconds(encode) == 2.0
    assert next(costs, None) is None

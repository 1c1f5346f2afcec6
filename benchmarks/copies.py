"""Copies of pictures that an audit finds among the pictures that they were made of.

    python -m benchmarks.copies

REALMIX_DATA holds cifar10_webp.npz, and the features are kept as for `benchmarks.planted`.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps

from benchmarks.records import Line, complete, lines_of, versions_of
from realmix.auditing.copies import find_copies
from realmix.auditing.features import features_of
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.data.reading.load import load

NAME = "copies"
ROWS, PLANTED = 24_000, 400


def copies_run(count: int, planted: int) -> Line:
    """Copies of pictures of CIFAR-10 among it: how many of each kind are found."""
    data = load("cifar10", data_root=os.environ["REALMIX_DATA"])
    rng = np.random.default_rng(0)
    rows = rng.permutation(count)[:planted]
    kinds = [name for _ in rows for name in COPIES]
    made = [copy(Image.fromarray(data.inputs[row].transpose(1, 2, 0)), rng)
            for row in rows for copy in COPIES.values()]  # fmt: skip
    copied = np.stack([np.asarray(picture) for picture in made]).transpose(0, 3, 1, 2)
    x = np.concatenate([data.inputs[:count], copied])
    whole = Dataset(x, np.full(len(x), -1), data.classes, "photos")
    features = features_of(whole).rows
    started = time.process_time()
    near = find_copies(whole, features).found.near
    pairs = set(map(tuple, near.tolist()))
    source = np.repeat(rows, len(COPIES)).tolist()
    hit = [(row, count + place) in pairs for place, row in enumerate(source)]
    natural = sum(b < count for _, b in pairs)
    line = {"rows": count, "planted": planted, "natural": natural}
    recall = {k: float(np.mean([h for h, kind in zip(hit, kinds, strict=True) if kind == k]))
              for k in COPIES}  # fmt: skip
    return {**line, **recall, "seconds": time.process_time() - started, "versions": versions()}


def _encoded(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(rng.integers(50, 90)))
    return Image.open(buffer)


def _resized(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    side = int(rng.choice([20, 24, 48, 64]))
    bilinear = Image.Resampling.BILINEAR
    return picture.resize((side, side), bilinear).resize(picture.size, bilinear)


def _cropped(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    side = 0.95 * picture.width
    left, top = rng.uniform(0, picture.width - side, 2)
    box = (left, top, left + side, top + side)
    return picture.resize(picture.size, Image.Resampling.BILINEAR, box)


COPIES: dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "re-encoded": _encoded,
    "resized": _resized,
    "mirrored": lambda picture, rng: ImageOps.mirror(picture),
    "cropped by 5 %": _cropped,
}


def summary() -> str:
    lines = lines_of(NAME)
    rows = ["# Which copies of pictures an audit finds", "", "`python -m benchmarks.copies`"]
    for line in lines:
        found = ", ".join(f"{kind} {line[kind]:.1%}" for kind in COPIES)
        rows += [
            "",
            f"{line['planted']} pictures of the first {line['rows']:,} of CIFAR-10, copied in four"
            f" ways and put among them; found: {found}. Of the pictures as they were,"
            f" {line['natural']} pairs are called near copies;"
            f" {line['seconds']:.0f} processor seconds.",
        ]
    return "\n".join([*rows, "", *versions_of(lines), ""])


if __name__ == "__main__":
    complete(NAME, copies_run, [(ROWS, PLANTED)], ("rows", "planted"), summary, jobs=1)

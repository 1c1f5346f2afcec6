"""Features of photos in files: the whole of it against the encoder alone, as ratios in one run.

python -m benchmarks.extraction
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

from benchmarks.records import Line, complete, lines_of, versions_of
from realmix.augment.views import network_input
from realmix.base.memory import freed_memory_kept
from realmix.base.versions import versions
from realmix.data.reading.load import load
from realmix.encoders.encoder import PhotoEncoder
from realmix.encoders.extract import BATCH
from realmix.runs.augmentation import encoding_of
from realmix.runs.config import Config
from realmix.runs.watch import Silent

NAME = "extraction"
CASES = [("lite0", 224, 1), ("lite0", 224, 2), ("lite2", 260, 1), ("lite2", 260, 2)]
PHOTOS, PASSES = 600, 6
WIDE, HIGH = 500, 333  # pixels, as photos of the web have


def photos(folder: Path) -> str:
    """Class folders and a pool of JPEG files of smooth noise."""
    rng = np.random.default_rng(0)
    for number in range(PHOTOS):
        place = folder / ("a", "b")[number % 2] if number < 20 else folder / "unlabeled"
        place.mkdir(exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (24, 36, 3), dtype=np.uint8))
        coarse.resize((WIDE, HIGH), Image.Resampling.BICUBIC).save(place / f"{number}.jpg")
    return str(folder)


def run(encoder: str, size: int, threads: int) -> Line:
    """Milliseconds a picture: all of it, and the encoder alone before and after it."""
    torch.set_num_threads(threads)
    with (
        tempfile.TemporaryDirectory() as kept,
        tempfile.TemporaryDirectory() as folder,
        patch.dict(os.environ, {"REALMIX_CACHE": kept}),
    ):
        config = Config("x", encoder=encoder, image_size=size, device="cpu")
        encoding = encoding_of(load(photos(Path(folder))), config, Silent())
        assert encoding is not None
        assert isinstance(encoding.encoder, PhotoEncoder)
        encode = encoding.encoder.encode
        pictures = torch.randint(0, 256, (BATCH["cpu"], 3, size, size), dtype=torch.uint8)

        def alone() -> None:
            with torch.inference_mode():
                for _ in range(PASSES):
                    encode(network_input(pictures))

        rows = PASSES * len(pictures)
        plain = milliseconds(alone, rows)
        with freed_memory_kept():
            before = milliseconds(alone, rows)
        whole = milliseconds(lambda: encoding.features(1, 0), PHOTOS)
        with freed_memory_kept():
            after = milliseconds(alone, rows)
        plain = (plain + milliseconds(alone, rows)) / 2
    figures = {"whole": whole, "plain": plain, "kept": (before + after) / 2}
    return {"case": [encoder, size, threads], **figures, "versions": versions()}


def milliseconds(what: Callable[[], object], rows: int) -> float:
    started = time.perf_counter()
    what()
    return 1000 * (time.perf_counter() - started) / rows


def summary() -> str:
    lines = lines_of(NAME)
    rows = [
        "# Extraction beside the bare encoder",
        "",
        f"`python -m benchmarks.extraction`: {PHOTOS} JPEG files of {WIDE} x {HIGH} pixels to"
        " features, on the CPU. Milliseconds a picture: reading, decoding, resizing, encoding and"
        f" keeping; the encoder alone in a plain loop over batches of {BATCH['cpu']} that are there"
        " already, before and after it; and the same loop where freed memory stays with the"
        " process, as extraction has it. The ratios are throughput: above 1 extraction is faster.",
        "",
        "| encoder | size | threads | extraction | plain loop | ratio | memory kept | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for line in sorted(lines, key=lambda line: line["case"]):
        encoder, size, threads = line["case"]
        whole, plain, kept = (line[name] for name in ("whole", "plain", "kept"))
        rows.append(
            f"| {encoder} | {size} | {threads} | {whole:.1f} | {plain:.1f} | {plain / whole:.2f}"
            f" | {kept:.1f} | {kept / whole:.2f} |"
        )
    return "\n".join([*rows, "", *versions_of(lines), ""])


if __name__ == "__main__":
    complete(NAME, run, CASES, ("case",), summary, jobs=1)

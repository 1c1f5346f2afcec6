"""What `realmix audit` says of pools whose truth is known.

    python -m benchmarks.audit [--jobs 1]

REALMIX_DATA holds cifar10_webp.npz, tinyimagenet32_10k_webp.npz and clinc150_oos.jsonl.xz. Features
are kept in realmix's cache: lite0 at 160 pixels takes 20 to 30 minutes for CIFAR-10 on two cores.
"""

from __future__ import annotations

import argparse
import io
import json
import lzma
import os
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.records import RECORDS, Line, by_seed, do, lines_of, spread, versions_of
from benchmarks.tiny_imagenet import pictures
from realmix.auditing.copies import find_copies
from realmix.auditing.features import features_of
from realmix.auditing.labels import doubts
from realmix.auditing.reader import read
from realmix.base.files import write_atomically
from realmix.base.versions import versions
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.functional.foreign import scores
from realmix.functional.foreign.detect import RIDGE, find_foreign

NAME = "audit"
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LABELS, SEEDS = (4, 10, 25), (0, 1, 2)
POOL = 1500
RIGHT = 0.1  # how far off an estimate may be
ANIMALS = (2, 3, 4, 5, 6, 7)
SCORE_LABELS = (4, 10, 25, 200)
ALL = "CIFAR-10, all classes"  # of which none is foreign
LABELS_OF = ("digits, six of ten", ALL, "CLINC150, 15 intents and out of scope")
DOUBT_LABELS, DOUBT_SEEDS, CHANGED = (4, 10, 25, 100), range(10), 0.1

Case = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(N, D) features, (N,) classes, -1 for rows that are always foreign, (K,) the classes inside."""


@cache
def seen(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Features and classes; -1 is foreign always."""
    root = Path(os.environ["REALMIX_DATA"])
    if name == "digits":
        x, y = load_digits(return_X_y=True)
        return x.astype(np.float32) / 16, y.astype(np.int64)
    if name == "cifar":
        data = load("cifar10", data_root=str(root))
        return features_of(data).rows[:50_000], data.label
    if name == "tiny":
        x, _, known = pictures()
        far = np.random.default_rng(0).permutation(np.flatnonzero(~known))[:2500]
        return features_of(_arrays(x[far])).rows, np.full(len(far), -1)
    with lzma.open(root / "clinc150_oos.jsonl.xz", "rt", encoding="utf8") as lines:
        rows = [json.loads(line) for line in lines]
    rows = [r for r in rows if r["split"] == "train"] + [r for r in rows if r["label"] == "oos"]
    names = sorted({r["label"] for r in rows} - {"oos"})
    label = np.array([names.index(r["label"]) if r["label"] in names else -1 for r in rows])
    texts = np.array([r["text"] for r in rows], object)
    return features_of(Dataset(texts, label, tuple(names), "words")).rows, label


def _arrays(x: np.ndarray) -> Dataset:
    return Dataset(x, np.zeros(len(x), np.int64), ("x",), "photos")


def _cifar(rng: np.random.Generator, inside: tuple[int, ...] | int) -> Case:
    x, y = seen("cifar")
    return x, y, np.array(inside) if isinstance(inside, tuple) else rng.permutation(10)[:inside]


def _tiny(rng: np.random.Generator) -> Case:
    (x, y), (far, none) = seen("cifar"), seen("tiny")
    return np.concatenate([x, far]), np.concatenate([y, none]), np.arange(10)


def _clinc(rng: np.random.Generator) -> Case:
    x, y = seen("clinc")
    inside = rng.permutation(150)[:15]
    kept = np.isin(y, inside) | (y < 0)
    return x[kept], y[kept], inside


CASES: dict[str, Callable[[np.random.Generator], Case]] = {
    "digits, six of ten": lambda rng: (*seen("digits"), rng.permutation(10)[:6]),
    "CIFAR-10, six of ten": partial(_cifar, inside=6),
    "CIFAR-10, animals of all": partial(_cifar, inside=ANIMALS),
    ALL: partial(_cifar, inside=10),
    "CIFAR-10 and Tiny ImageNet": _tiny,
    "CLINC150, 15 intents and out of scope": _clinc,
}


def drawn(data: str, share: float, per_class: int, seed: int) -> tuple[np.ndarray, ...]:
    """Labeled features, their classes in 0..K-1, the pool's features, and which are foreign."""
    rng = np.random.default_rng([seed, 1])
    x, y, inside = CASES[data](rng)
    by_class = [rng.permutation(np.flatnonzero(y == c)) for c in inside]
    labeled = np.concatenate([rows[:per_class] for rows in by_class])
    label = np.repeat(np.arange(len(inside)), [len(rows[:per_class]) for rows in by_class])
    rest = rng.permutation(np.concatenate([rows[per_class:] for rows in by_class]))
    far = rng.permutation(np.flatnonzero(~np.isin(y, inside)))
    count = min(POOL, int(len(rest) / max(1 - share, 1e-9)), int(len(far) / max(share, 1e-9)))
    pool = np.concatenate([rest[: count - round(share * count)], far[: round(share * count)]])
    return x[labeled], label, x[pool], ~np.isin(y[pool], inside)


def share_run(data: str, share: float, per_class: int, seed: int) -> Line:
    """The estimate of a planted share."""
    labeled, label, pool, foreign = drawn(data, share, per_class, seed)
    started = time.monotonic()
    found = find_foreign(labeled, label, pool, seed)
    line = {
        "what": "share", "data": data, "share": share, "labels": per_class, "seed": seed,
        "estimate": found.share.share, "low": found.share.low, "high": found.share.high,
        "by": found.by, "seconds": time.monotonic() - started, "versions": versions(),
    }  # fmt: skip
    if 0 < share < 1:
        line["auroc"] = float(roc_auc_score(foreign, -found.score))
    return line


def score_run(data: str, share: float, per_class: int, seed: int) -> Line:
    """The AUROC of each score, inside against foreign."""
    labeled, label, pool, foreign = drawn(data, share, per_class, seed)
    mean, whole = scores.whitener(np.concatenate([pool, labeled]), RIDGE / per_class)
    known, rows = (labeled - mean) @ whole, (pool - mean) @ whole
    plain = np.sqrt(((pool - mean) ** 2).mean())
    model = LogisticRegression(C=0.01, max_iter=500).fit((labeled - mean) / plain, label)
    logits = model.decision_function((pool - mean) / plain)
    small_mean, small = scores.whitener(np.concatenate([pool, labeled]), 0.01)
    found = {
        "largest probability": scores.largest_probability(logits),
        "energy": scores.energy(logits),
        "neighbors, as they are": scores.neighbors(pool, labeled),
        "neighbors": scores.neighbors(rows, known),
        "prototypes": scores.prototypes(rows, known, label),
        "prototypes, fully whitened": scores.prototypes(
            (pool - small_mean) @ small, (labeled - small_mean) @ small, label
        ),
        "Mahalanobis": scores.mahalanobis(
            (pool - small_mean) @ small, (labeled - small_mean) @ small, label
        ),
    }
    aurocs = {name: float(roc_auc_score(foreign, -score)) for name, score in found.items()}
    which = {"what": "scores", "data": data, "share": share, "labels": per_class, "seed": seed}
    return {**which, **aurocs, "versions": versions()}


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
    line = {"what": "copies", "rows": count, "planted": planted, "natural": natural}
    recall = {k: float(np.mean([h for h, kind in zip(hit, kinds, strict=True) if kind == k]))
              for k in COPIES}  # fmt: skip
    return {**line, **recall, "seconds": time.process_time() - started, "versions": versions()}


def labels_run(data: str, wrong: float, per_class: int, seed: int) -> Line:
    """Labels of which some were changed: how many of them, and of the others, are doubted."""
    labeled, truth, pool, _ = drawn(data, 0.0, per_class, seed)
    rng = np.random.default_rng([seed, 2])
    changed = rng.permutation(len(truth))[: round(wrong * len(truth))]
    label, classes = truth.copy(), int(truth.max()) + 1
    label[changed] = (truth[changed] + rng.integers(1, classes, len(changed))) % classes
    held = read(labeled, label, pool, classes, seed).held
    listed = np.array([doubt.row for doubt in doubts(held, label)], int)
    found = int(np.isin(listed, changed).sum())
    return {
        "what": "labels", "data": data, "share": wrong, "labels": per_class, "seed": seed,
        "rows": len(truth), "wrong": len(changed), "found": found, "false": len(listed) - found,
        "right": float((held.argmax(1) == truth).mean()), "versions": versions(),
    }  # fmt: skip


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
    rows = [
        "# What an audit says of a pool",
        "",
        "`python -m benchmarks.audit`: pools whose truth is known, 1,500 rows each where there"
        " are so many.",
        "",
        "## The share that belongs to no class",
        "",
        "Shares of 0, 20, ..., 100 % were planted, with three draws of labels and pool each: 30"
        " cases a draw. Right: within 10 points. Covered: the 90 % interval holds the truth.",
        "",
        *_share_table([line for line in lines if line["what"] == "share"]),
        "",
        "## The scores",
        "",
        "AUROC, rows of the classes against foreign ones, of a pool of which 40 % are foreign; mean"
        " ± deviation of three draws. Neighbors and prototypes are taken in the space that the"
        " pool's covariance, with a ridge of 600 mean variances over the labels of a class, makes"
        " round.",
        "",
        *_score_tables([line for line in lines if line["what"] == "scores"]),
    ]
    doubted = [line for line in lines if line["what"] == "labels"]
    rows += [
        "## Wrong labels",
        "",
        f"None or {CHANGED:.0%} of the labels were changed to another class at random;"
        f" {len(DOUBT_SEEDS)} draws, all labels of the draws together. Accuracy: of the classifier"
        " that doubts, on held-out rows.",
        "",
        *_label_table(doubted),
    ]
    for line in (line for line in lines if line["what"] == "copies"):
        found = ", ".join(f"{kind} {line[kind]:.1%}" for kind in COPIES)
        rows += [
            "",
            "## Copies",
            "",
            f"{line['planted']} pictures of the first {line['rows']:,} of CIFAR-10, copied in four"
            f" ways and put among them; found: {found}. Of the pictures as they were,"
            f" {line['natural']} pairs are called near copies;"
            f" {line['seconds']:.0f} processor seconds.",
        ]
    return "\n".join([*rows, "", *versions_of(lines), ""])


def _share_table(lines: list[Line]) -> Iterator[str]:
    yield "| data | labels a class | right | covered | mean error | mean width | AUROC |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for labels in LABELS:
        for data in (*CASES, None):
            some = [x for x in lines if x["labels"] == labels and data in (x["data"], None)]
            if some:
                off = np.array([x["estimate"] - x["share"] for x in some])
                covered = [
                    x["low"] <= x["share"] + 0.005 and x["share"] - 0.005 <= x["high"] for x in some
                ]
                width = np.mean([x["high"] - x["low"] for x in some])
                auroc = np.mean([x["auroc"] for x in some if "auroc" in x])
                right = f"{np.mean(np.abs(off) <= RIGHT):.0%} of {len(some)}"
                yield (
                    f"| {data or '**all**'} | {labels} | {right} | {np.mean(covered):.0%} |"
                    f" {np.abs(off).mean():.3f} | {width:.2f} | {auroc:.3f} |"
                )


def _label_table(lines: list[Line]) -> Iterator[str]:
    yield (
        "| data | labels a class | accuracy | none wrong: right labels doubted |"
        " wrong ones found | right labels doubted beside them |"
    )
    yield "|---|---:|---:|---:|---:|---:|"
    for data in LABELS_OF:
        for per_class in DOUBT_LABELS:
            mine = [x for x in lines if (x["data"], x["labels"]) == (data, per_class)]
            clean, changed = ([x for x in mine if x["share"] == wrong] for wrong in (0.0, CHANGED))
            if clean and changed:
                rows = sum(x["rows"] for x in clean)
                found, false = (sum(x[name] for x in changed) for name in ("found", "false"))
                yield (
                    f"| {data} | {per_class} | {np.mean([x['right'] for x in clean]):.2f} |"
                    f" {sum(x['false'] for x in clean)} of {rows:,} |"
                    f" {found} of {sum(x['wrong'] for x in changed)} | {false} |"
                )


def _score_tables(lines: list[Line]) -> Iterator[str]:
    names = [
        n for n, v in (lines[0] if lines else {}).items() if isinstance(v, float) and n != "share"
    ]
    for data in CASES:
        mine = [line for line in lines if line["data"] == data]
        labels = sorted({line["labels"] for line in mine})
        if labels:
            yield f"{data}:"
            yield ""
            yield f"| labels a class | {' | '.join(map(str, labels))} |"
            yield "|---|" + "---:|" * len(labels)
            for name in names:
                cells = [spread(by_seed(mine, name, labels=count)) for count in labels]
                yield f"| {name} | {' | '.join(cells)} |"
            yield ""


def wanted() -> Iterator[tuple[Any, ...]]:
    dirty = [data for data in CASES if data != ALL]
    for labels in reversed(LABELS):
        for data in dirty:
            for seed in SEEDS:
                yield from (("share", data, share, labels, seed) for share in SHARES)
    for data in dirty:
        for labels in SCORE_LABELS:
            if (data, labels) not in ((x, 200) for x in CASES if x.startswith(("CLINC", "digits"))):
                yield from (("scores", data, 0.4, labels, seed) for seed in SEEDS)
    for data in LABELS_OF:
        for labels in DOUBT_LABELS:
            for wrong in (0.0, CHANGED):
                yield from (("labels", data, wrong, labels, seed) for seed in DOUBT_SEEDS)


def run(what: str, *which: Any) -> Line:
    runs: dict[str, Callable[..., Line]] = {
        "share": share_run,
        "scores": score_run,
        "labels": labels_run,
        "copies": copies_run,
    }
    return runs[what](*which)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    keys = ("what", "data", "share", "labels", "seed")
    lines = lines_of(NAME)
    done = {tuple(line.get(key) for key in keys) for line in lines}
    todo: list[tuple[Any, ...]] = [which for which in wanted() if which not in done]
    if not any(line["what"] == "copies" for line in lines):
        todo.append(("copies", 24_000, 400))
    do(NAME, run, todo, jobs=given.jobs)
    write_atomically(RECORDS / NAME / "README.md", summary())


if __name__ == "__main__":
    main()

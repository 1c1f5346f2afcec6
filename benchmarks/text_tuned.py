"""Texts and a tuned encoder: what views, pretraining and thresholds do for UDA and its heirs.

    python -m benchmarks.text_tuned prepare --out DIR --trec DIR [--rows 6000] [--tests 4000]
    python -m benchmarks.text_tuned run --given DIR [--seconds 150] [--jobs 12] [--steps 300]
        [--record DIR]

AG News with 40 labels, SST-2 with 100, TREC with 60; two draws of labels and more where time
allows. `prepare` writes token numbers of every text and of its views: "targeted" is UDA's TF-IDF
replacement, "random" has as many words left out or swapped. `run` trains minilm, or the same
network from random weights, whole (`--tune all`), by each method, several at once, and appends a
line to results.jsonl as each is done: accuracy on the test rows, and over the training how many
rows of the pool are confident, how many of these are right, and which classes they are said to be
of. What is done is not done again. The frozen features' own methods stand beside.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import itertools
import json
import lzma
import multiprocessing
import os
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks.records import RECORDS, Line, made_with
from realmix.augment.texts.text_views import TextViews
from realmix.augment.texts.words import Corpus, deleted, swapped, words_of
from realmix.base.files import append_line, whole_lines, write_json
from realmix.data.encoded import Encoded, Kept, Reference
from realmix.data.pools import Dataset
from realmix.data.splits import stratified_labels
from realmix.data.texts.tokens import padded
from realmix.encoders.extract import key_of
from realmix.encoders.texts.written import digest_of
from realmix.models.tuned.texts import trainable
from realmix.runs.config import Config
from realmix.runs.networks import Networks
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent
from realmix.training.devices import choose
from realmix.training.trainer import as_trained

LABELS = {"agnews": 40, "sst2": 100, "trec": 60}
TOKENS, VIEWS = 64, 9  # the plain one, four weak and four strong ones
STRONG, POINTS, WATCHED = 0.7, 10, 1000
KINDS = ("targeted", "random")
FROZEN = ("frozen", "head")  # starts whose encoder is not trained: one layer, an MLP on the views
RATES = {"minilm": 0.0002, "random": 0.0005, "slow": 0.00005, "fast": 0.001}  # of the starts
FIRST = (  # start, algorithm, views
    ("minilm", "supervised", "targeted"),
    ("minilm", "uda", "targeted"),
    ("minilm", "uda", "random"),
    ("minilm", "fixmatch", "targeted"),
    ("minilm", "adamatch", "targeted"),
    ("minilm", "softmatch", "targeted"),
    ("minilm", "taught", "targeted"),
    ("frozen", "linear", "targeted"),
    ("frozen", "consensus", "targeted"),
)
SECOND = (
    ("random", "supervised", "targeted"),
    ("random", "uda", "targeted"),
    ("fast", "supervised", "targeted"),
    ("slow", "supervised", "targeted"),
    ("fast", "softmatch", "targeted"),
    ("slow", "softmatch", "targeted"),
    ("minilm", "fixmatch", "random"),
    ("random", "uda", "random"),
    ("head", "supervised", "targeted"),
    ("head", "uda", "targeted"),
    ("head", "fixmatch", "targeted"),
    ("head", "adamatch", "targeted"),
    ("head", "softmatch", "targeted"),
)


Cell = tuple[str, int, str, str, str]
"""Data, draw, start, algorithm, views."""


class RandomViews(TextViews):
    """Strong views whose words are left out or swapped whatever they tell, as many of them."""

    def _strong(self, text: str, number: int, rng: np.random.Generator) -> str:
        words, change = words_of(text), (deleted, swapped)[int(rng.integers(2))]
        # a swap changes two words
        return " ".join(change(words, STRONG / 2 if change is swapped else STRONG, rng)) or text


def read_texts(name: str, trec: Path) -> dict[str, list[tuple[str, int]]]:
    """(text, class) of the training and of the test rows."""
    if name == "trec":
        files = {"train": "train_5500.label", "test": "TREC_10.label"}
        lines = {
            part: [line.partition(" ") for line in (trec / file).read_text("latin-1").splitlines()]
            for part, file in files.items()
        }
        kinds = sorted({kind.partition(":")[0] for kind, _, _ in lines["train"]})
        return {
            part: [(text, kinds.index(kind.partition(":")[0])) for kind, _, text in rows]
            for part, rows in lines.items()
        }
    with lzma.open(Path(os.environ["REALMIX_DATA"]) / f"{name}.jsonl.xz", "rt") as file:
        found = [json.loads(line) for line in file]
    found = [
        row
        for row in found
        if row["split"] == "test" or row.get("style", "title+text") == "title+text"
    ]
    return {
        part: [(row["text"], int(row["label"])) for row in found if row["split"] == part]
        for part in ("train", "test")
    }


def prepare(asked: argparse.Namespace) -> None:
    """Token numbers of all texts and views, and the weights of both starts."""
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    cut = trainable("minilm").tokenizing
    cut.tokenizer.enable_truncation(TOKENS)
    for name in LABELS:
        found, rng = read_texts(name, asked.trec), np.random.default_rng(0)
        rows, tests = (
            [pairs[i] for i in rng.permutation(len(pairs))[:most]]
            for pairs, most in ((found["train"], asked.rows), (found["test"], asked.tests))
        )
        texts = [text for text, _ in rows]
        corpus = Corpus.of([words_of(text) for text in texts])
        arrays = {
            "label": np.array([label for _, label in rows]),
            "test_label": np.array([label for _, label in tests]),
            "plain": padded(cut.numbers([*texts, *(text for text, _ in tests)])),
        }
        for kind, make in zip(KINDS, (TextViews, RandomViews), strict=True):
            views = make(corpus, VIEWS - 1, 0)
            made = [views(text, key_of(digest_of(text))) for text in texts]
            tokens = padded(cut.numbers(list(itertools.chain.from_iterable(made))))
            arrays[kind] = tokens.reshape(len(texts), VIEWS - 1, -1)
        np.savez_compressed(out / f"{name}.npz", **arrays)  # type: ignore[arg-type]
        print(name, {key: value.shape for key, value in arrays.items()}, flush=True)


@cache
def given(folder: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(folder / f"{name}.npz") as file:
        return dict(file)


def dataset_of(folder: Path, name: str, kind: str, seed: int, start: str) -> Dataset:
    """The texts as token numbers, with the labels of one draw; features beside, or instead."""
    arrays = given(folder, name)
    label = np.full(len(arrays["label"]), -1)
    known = stratified_labels(arrays["label"], LABELS[name], seed)
    label[known] = arrays["label"][known]
    plain, augmented = arrays["plain"], arrays[kind]
    about = Reference("minilm", None, 384, "")
    own, rows = np.arange(len(plain)), np.arange(len(label))
    tokens = Encoded(Kept(plain[:, None], own), Kept(augmented, rows), about, 0.0, longest=TOKENS)
    files = [folder / f"{name}-{part}.npy" for part in ("plain", KINDS[0])]
    seen = None
    if files[1].exists():
        mine, more = (np.load(file, "c") for file in files)
        seen = Encoded(Kept(mine, own), Kept(more, rows) if start == "head" else None, about, 0.0)
    classes = tuple(map(str, range(int(arrays["label"].max()) + 1)))
    shown = np.array([""] * len(label), object)
    dataset = Dataset(
        shown, label, classes, "words", oracle=arrays["label"], test_label=arrays["test_label"],
        test_inputs=shown[:1].repeat(len(arrays["test_label"])), encoded=tokens, beside=seen,
    )  # fmt: skip
    return replace(dataset, encoded=seen, beside=None) if start in FROZEN else dataset


def config_of(folder: Path, start: str, algorithm: str, steps: int, seed: int) -> Config:
    if start in FROZEN:
        return Config("x", algorithm=algorithm, steps=250, seed=seed, gate="none", device="cpu")
    place = folder / ("random" if start == "random" else "minilm")
    fields = {"batch_size": 16, "unlabeled_ratio": 7, "learning_rate": RATES[start]}
    return Config(
        "x", algorithm=algorithm, encoder=str(place), tune="all", steps=steps, seed=seed,
        gate="none", fields=fields,
    )  # fmt: skip


def cell(folder: Path, which: Cell, steps: int) -> Line:
    """One training, and what became of it."""
    name, seed, start, algorithm, kind = which
    torch.set_num_threads(1)
    began = time.monotonic()
    dataset = dataset_of(folder, name, kind, seed, start)
    phases = Phases(dataset, config_of(folder, start, algorithm, steps, seed), None, Silent())
    rows, records = phases.rows, list[dict[str, float]]()
    watched = rows.pool_rows[:WATCHED]
    assert dataset.oracle is not None
    truth, threshold = dataset.oracle[watched], 0.8 if algorithm == "uda" else 0.95

    def figures(network: nn.Module) -> dict[str, float]:
        probs = rows.probs(network, rows.inputs[watched])
        said, sure = probs.argmax(1), probs.max(1) >= threshold
        shares = np.bincount(said, minlength=len(dataset.classes)) / len(said)
        found = {"sure": float(sure.mean()), "right": float((said == truth).mean())}
        found |= {f"share {k}": float(share) for k, share in enumerate(shares)}
        return found | ({"sure right": float((said == truth)[sure].mean())} if sure.any() else {})

    stages = phases.stages(phases.only, steps, None, Silent())
    stages.evaluate, stages.observe = figures, records.append
    stages.options |= {
        "evaluate_every": max(steps // POINTS, 1),
        "log_every": max(steps // POINTS, 1),
    }
    network = phases.trained(phases.only, stages)
    assert rows.test_inputs is not None
    right = rows.probs(network, rows.test_inputs).argmax(1) == dataset.test_label
    return {
        "data": name, "labels": LABELS[name], "seed": seed, "start": start, "algorithm": algorithm,
        "views": kind, "steps": steps, "accuracy": float(right.mean()),
        "pool": figures(network), "seconds": round(time.monotonic() - began, 1),
        "trained": round(stages.seconds, 1), "watched": records, "versions": made_with(),
    }  # fmt: skip


def features(folder: Path, name: str) -> None:
    """What minilm, frozen, makes of the texts, and of the targeted views."""
    arrays, device = given(folder, name), choose()
    config = config_of(folder, "minilm", "supervised", 1, 0)
    recipe = Phases(dataset_of(folder, name, KINDS[0], 0, ""), config, None, Silent()).recipe
    network = as_trained(Networks(config, (1, TOKENS), 2, recipe)(), device, (1, TOKENS)).eval()
    for part in ("plain", KINDS[0]):
        tokens = torch.from_numpy(arrays[part].reshape(-1, 1, arrays[part].shape[-1]))
        with torch.no_grad():
            made = torch.cat(
                [
                    network.features(rows.to(device)).half().cpu()
                    for rows in torch.split(tokens, 512)
                ]
            )
        np.save(folder / f"{name}-{part}.npy", made.reshape(len(arrays[part]), -1, 384).numpy())


def random_start(folder: Path) -> None:
    """The same network with weights as BERT draws them before any training."""
    place = folder / "random"
    place.mkdir(exist_ok=True)
    for file in (folder / "minilm").iterdir():
        if file.is_file() and file.suffix == ".json":
            (place / file.name).write_bytes(file.read_bytes())
    rng, state = (
        torch.Generator().manual_seed(0),
        load_file(folder / "minilm" / "model.safetensors"),
    )
    for key, value in state.items():
        if value.ndim > 1:
            state[key] = torch.randn(value.shape, generator=rng).mul(0.02).to(value.dtype)
        elif value.is_floating_point():
            state[key] = torch.full_like(value, float(key.endswith("LayerNorm.weight")))
    save_file(state, place / "model.safetensors")


def run(asked: argparse.Namespace) -> None:
    record = Path(asked.record or RECORDS / "text_tuned")
    record.mkdir(parents=True, exist_ok=True)
    end, folder = time.monotonic() + asked.seconds, Path(asked.given)
    if not (folder / "random" / "model.safetensors").exists():
        random_start(folder)
    for name in asked.data:
        if not (folder / f"{name}-{KINDS[0]}.npy").exists():
            features(folder, name)
    keys = ("data", "seed", "start", "algorithm", "views", "steps")
    done = {tuple(line[key] for key in keys) for line in whole_lines(record / "results.jsonl")}
    orders = itertools.product((asked.seeds[:2], asked.seeds[2:]), (FIRST, SECOND))
    cells = (itertools.product(seeds, tier, asked.data) for seeds, tier in orders)
    todo: list[Cell] = [
        (name, seed, *which)
        for seed, which, name in itertools.chain.from_iterable(cells)
        if (name, seed, *which, asked.steps) not in done
        and (not asked.only or which[1] in asked.only)
        and (not asked.starts or which[0] in asked.starts)
    ]
    waiting, spawn = list(reversed(todo)), multiprocessing.get_context("spawn")
    longest = 0.0
    with concurrent.futures.ProcessPoolExecutor(asked.jobs, mp_context=spawn) as pool:
        running: dict[concurrent.futures.Future[Line], float] = {}
        while waiting or running:
            while waiting and len(running) < asked.jobs and time.monotonic() + longest < end:
                one = pool.submit(cell, folder, waiting.pop(), asked.steps)
                running[one] = time.monotonic()
            if not running:
                break
            ready, _ = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
            for one in ready:
                longest = max(longest, time.monotonic() - running.pop(one))
                if one.exception():
                    print(repr(one.exception()), flush=True)
                    continue
                line: dict[str, Any] = one.result()
                append_line(record / "results.jsonl", line)
                shown = {k: line[k] for k in (*keys, "accuracy", "seconds")}
                print({**shown, "pool": line["pool"]}, flush=True)
    write_json(record / "left.json", {"not begun": [list(one) for one in reversed(waiting)]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["prepare", "run"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--trec", type=Path)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--tests", type=int, default=4000)
    parser.add_argument("--given", type=Path)
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--jobs", type=int, default=12)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", nargs="+", default=list(LABELS))
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--starts", nargs="*", default=[])
    parser.add_argument("--record")
    asked = parser.parse_args()
    if asked.what == "prepare":
        prepare(asked)
    else:
        run(asked)


if __name__ == "__main__":
    main()

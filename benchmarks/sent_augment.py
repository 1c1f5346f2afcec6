"""SentAugment's claim: retrieved sentences against sentences at random; and what they cost.

    python -m benchmarks.sent_augment [--seeds 5]    AG News, 10 labels a class
    python -m benchmarks.sent_augment --growth 10000 100000 1000000

Both read agnews.jsonl.xz and sentence_bank_general.tsv.xz in REALMIX_DATA, with wordllama.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from benchmarks.records import (
    Line,
    by_seed,
    complete,
    gain,
    interval,
    lines_of,
    made_with,
    place,
    spread,
    versions_of,
)
from realmix import models
from realmix.bank.features import Bank
from realmix.bank.lines import Lines
from realmix.bank.pool import Wanted, joined, with_bank
from realmix.bank.retrieval import Retrieved
from realmix.bank.search import by_cells, exact, unit
from realmix.contract.algorithm import Recipe
from realmix.data.pools import Dataset
from realmix.data.texts.columns import as_texts
from realmix.encoders.texts.packaged import wordllama
from realmix.encoders.texts.written import TextEncoding
from realmix.procedures import PROCEDURES
from realmix.procedures.outside.sent_augment import SentAugment
from realmix.runs.prepared import Prepared
from realmix.training.stages import Procedure, Stages

NAME, BEST = "sent_augment", "balanced_self_training"
SHARES = ("in_domain", "in_domain_at_random")
LABELS, TEST, ROWS, STEPS = 10, 2000, 2000, 250
CLASSES = ("World", "Sports", "Business", "Sci/Tech")
POOLS = ("random", "all", "each", "label", "in-domain")
METHODS: dict[str, Procedure] = {
    "linear": PROCEDURES["linear"](),
    "balanced_self_training": PROCEDURES["balanced_self_training"](),
    "sent_augment": PROCEDURES["sent_augment"](),
    "sent_augment, soft": SentAugment(soft=True),
}


def read(name: str) -> list[dict[str, str]]:
    with lzma.open(Path(os.environ["REALMIX_DATA"]) / name, "rt", encoding="utf8") as file:
        return [json.loads(line) for line in file]


def bank_file() -> Path:
    return Path(os.environ["REALMIX_DATA"]) / "sentence_bank_general.tsv.xz"


def drawn(seed: int) -> tuple[Dataset, list[str]]:
    """Labeled and test rows of AG News, and as many of its other texts as are retrieved."""
    rng = np.random.default_rng(seed)
    rows = read("agnews.jsonl.xz")
    train = [r for r in rows if r["split"] == "train" and r["style"] == "title+text"]
    order = rng.permutation(len(train))
    label = np.array([int(train[i]["label"]) for i in order])
    known = np.concatenate([np.flatnonzero(label == c)[:LABELS] for c in range(len(CLASSES))])
    rest = np.setdiff1d(np.arange(len(order)), known)[:ROWS]
    test = [r for r in rows if r["split"] == "test"]
    asked = rng.choice(len(test), TEST, replace=False)
    dataset = Dataset(
        as_texts([train[order[i]]["text"] for i in known]),
        label[known],
        CLASSES,
        "words",
        test_inputs=as_texts([test[i]["text"] for i in asked]),
        test_label=np.array([int(test[i]["label"]) for i in asked]),
    )
    return dataset, [train[order[i]]["text"] for i in rest]


def with_pool(dataset: Dataset, own: list[str], pool: str, seed: int) -> Dataset:
    """The data set with one kind of pool."""
    if pool in ("random", "in-domain"):
        texts = own
        if pool == "random":
            every = [text for block in Lines(bank_file()).blocks() for text in block]
            chosen = np.random.default_rng(seed).choice(len(every), ROWS, replace=False)
            texts = [every[i] for i in chosen]
        line, score = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.float32)
        return joined(dataset, Retrieved(texts, line, score, 0.0, 0.0), Path(pool))
    wanted = Wanted(bank_file(), ROWS, pool, "exact")
    return with_bank(dataset, wordllama(), wanted, seed, lambda *done: None, print)


def run(pool: str, seed: int) -> Line:
    """Each method on one pool, and its accuracy on test rows."""
    dataset, own = drawn(seed)
    dataset = with_pool(dataset, own, pool, seed)
    encoding = TextEncoding(dataset, wordllama(), same_views)
    rows = Prepared(replace(dataset, encoded=encoding.features(1, 0)))

    def build(number: int, model: str | None, own: Recipe | None = None) -> nn.Module:
        return models.build(model or "mlp", rows.shape, len(CLASSES), seed + number, 0.0, 0.0)

    found: Line = {}
    for name, method in METHODS.items():
        stages = Stages(rows.data(rows.known), build, steps=STEPS, seed=seed, recipe=method.recipe)
        network = method.train(stages)
        assert rows.test_inputs is not None
        right = rows.probs(network, rows.test_inputs).argmax(1) == dataset.test_label
        found[name] = float(right.mean())
    facts = dataset.origin.get("bank", {})
    shares = {key: facts.get(key) for key in SHARES}
    return {"pool": pool, "seed": seed, **found, **shares, "versions": made_with()}


def same_views(count: int, seed: int) -> tuple[Callable[[str, int], list[str]], str]:
    return (lambda text, key: [text] * count), "none"


def growth(sizes: list[int]) -> None:
    """Print what a bank of so many lines costs: the bank's words, drawn anew."""
    rng = np.random.default_rng(0)
    every = [text.split() for block in Lines(bank_file()).blocks() for text in block]
    words = np.array([word for text in every for word in text])
    lengths = np.array([len(text) for text in every])
    wanted = unit(wordllama().encode([" ".join(every[i]) for i in range(40)]).float().numpy())
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REALMIX_CACHE"] = folder
        for size in sizes:
            path = Path(folder) / f"{size}.txt"
            with path.open("w", encoding="utf8") as file:
                for _ in range(size):
                    drawn = words[rng.integers(0, len(words), rng.choice(lengths))]
                    file.write(" ".join(drawn) + "\n")
            bank, facts = Bank(Lines(path), wordllama()), [f"{size:>10,}"]
            began = time.process_time()
            bank.kept()
            made = time.process_time()
            near = exact(bank, wanted, 75)
            own = own_memory()
            facts += [f"{made - began:8.1f}", f"{time.process_time() - made:8.1f}"]
            for probed in (0.05, 0.2):
                started = time.process_time()
                some = by_cells(bank, wanted, 75, probed)
                pairs = zip(near.row, some.row, strict=True)
                recall = np.mean([len({*a} & {*b}) / len(a) for a, b in pairs])
                facts.append(f"{time.process_time() - started:8.1f} {recall:.2f}")
                own = max(own, own_memory())
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            disk = sum(f.stat().st_size for f in Path(folder).rglob("features.bin")) / 1e9
            facts += [f"{own:.1f} GB of its own", f"{peak:.1f} GB at most with mapped pages"]
            print(" | ".join([*facts, f"{disk:.2f} GB on disk"]), flush=True)


def own_memory() -> float:
    """GB that the process holds beside files that are mapped, whose pages the system may drop."""
    said = Path("/proc/self/status").read_text().split("RssAnon:")[1]
    return int(said.split()[0]) / 1e6


def summary() -> str:
    lines = lines_of(NAME)
    rows = [
        "# Sentences that were retrieved, and sentences at random",
        "",
        f"`python -m benchmarks.sent_augment`: AG News, {LABELS} labels a class, {ROWS:,} sentences"
        f" of a general bank of 179,546 as the pool, {TEST:,} test rows, features by wordllama,"
        f" {place(lines)}, test accuracy. The methods are trained alone, without the gate.",
        "",
        "- in-domain: a pool of AG News itself, which the bank is to stand in for.",
        "- difference: of balanced_self_training to sentences at random, paired by seed, 95 %.",
        "- like a labeled text: share of the sentences, and of sentences at random.",
        "",
        f"| pool | {' | '.join(METHODS)} | difference | like a labeled text | at random |",
        f"|---|{'---:|' * (len(METHODS) + 3)}",
    ]
    for pool in POOLS:
        cells = [spread(by_seed(lines, name, pool=pool)) for name in METHODS]
        found, base = (by_seed(lines, BEST, pool=p) for p in (pool, "random"))
        cells.append(interval(gain(found, base)) if pool != "random" else "")
        shares = ([*by_seed(lines, key, pool=pool).values()] for key in SHARES)
        cells += ["" if None in share else f"{np.mean(share):.0%}" for share in shares]
        rows.append(f"| {pool} | {' | '.join(cells)} |")
    return "\n".join([*rows, "", *versions_of(lines), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--growth", type=int, nargs="*")
    given = parser.parse_args()
    if given.growth:
        growth(given.growth)
        return
    wanted = [(pool, seed) for seed in range(given.seeds) for pool in POOLS]
    complete(NAME, run, wanted, ("pool", "seed"), summary, given.jobs)


if __name__ == "__main__":
    main()

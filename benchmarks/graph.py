"""Nearest neighbors for label propagation: what an exact and an approximate search cost and find.

    python -m benchmarks.graph [--largest 100000]

Seconds on one thread and recall of the 50 nearest (on 1,000 rows), for 100 clusters of 128
features and for the first 128 principal components of MNIST, and how many rows are given their
right label by a few that spread along the graph.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from benchmarks.records import Line, complete, lines_of, versions_of
from realmix.base.versions import versions
from realmix.data.reading.load import load
from realmix.functional import graph

NAME = "graph"
K, POWER, ASKED, LABELS, FEATURES = 50, 3.0, 1_000, 200, 128
SIZES = {"clusters": (10_000, 20_000, 40_000, 100_000), "mnist": (10_000, 20_000, 40_000, 70_000)}
Found = tuple[Tensor, Tensor]


def cells(probes: int) -> Callable[[Tensor, int], Found]:
    """The library's search with another number of probes."""

    def search(rows: Tensor, k: int) -> Found:
        graph.PROBES = probes
        return graph.nearest_approximately(rows, k)

    return search


def small_world(rows: Tensor, k: int, links: int = 16, breadth: int = 64) -> Found:
    """HNSW (Malkov and Yashunin, 2016), for comparison; the row itself is among what it finds."""
    import faiss

    unit = torch.nn.functional.normalize(rows, dim=1).numpy()
    index = faiss.IndexHNSWFlat(unit.shape[1], links, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efSearch = breadth
    index.add(unit)
    similarity, found = index.search(unit, k + 1)
    return torch.from_numpy(similarity[:, 1:]), torch.from_numpy(found[:, 1:])


SEARCHES: dict[str, Callable[[Tensor, int], Found]] = {
    "exact": graph.nearest,
    **{f"cells, {probes} probed": cells(probes) for probes in (8, 16, 32)},
    "small world": small_world,
}


@functools.cache
def rows_of(data: str) -> tuple[Tensor, Tensor]:
    """(N, D) features and (N,) labels."""
    if data == "clusters":
        rng, count = np.random.default_rng(0), SIZES[data][-1]
        label = rng.integers(0, 100, count)
        rows = rng.normal(size=(100, FEATURES))[label] + rng.normal(size=(count, FEATURES))
        return torch.from_numpy(rows.astype(np.float32)), torch.from_numpy(label)
    whole = load("mnist")
    assert whole.test_inputs is not None
    assert whole.test_label is not None
    images = torch.from_numpy(np.concatenate([whole.inputs, whole.test_inputs]))
    pixels = images.flatten(1).float().div(255)
    directions = torch.linalg.eigh(pixels.T.cov()).eigenvectors[:, -FEATURES:]
    every = torch.from_numpy(np.concatenate([whole.label, whole.test_label]))
    return (pixels - pixels.mean(0)) @ directions, every


@functools.cache
def truth(data: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Some rows, and the K nearest others of each."""
    unit = torch.nn.functional.normalize(rows_of(data)[0][:count], dim=1)
    asked = np.random.default_rng(1).choice(count, ASKED, replace=False)
    products = unit[asked] @ unit.T
    products[torch.arange(ASKED), asked] = -torch.inf
    return asked, products.topk(K, dim=1).indices.numpy()


def run(data: str, count: int, search: str) -> Line:
    """One search of all rows, and the labels that spread along its graph."""
    torch.set_num_threads(1)
    rows, label = (part[:count] for part in rows_of(data))
    asked, expected = truth(data, count)
    started = time.process_time()
    found = SEARCHES[search](rows, K)
    seconds = time.process_time() - started
    shared = [
        len(set(found[1][i].tolist()) & set(e)) / K
        for i, e in zip(asked, expected.tolist(), strict=True)
    ]
    known = torch.where(torch.arange(count) < LABELS, label, -1)
    started = time.process_time()
    weights = graph.knn_graph(rows, K, POWER, lambda rows, k: found)
    scores = graph.propagate(weights, known, int(label.max()) + 1)
    spreading = time.process_time() - started
    given = graph.pseudo_labels(scores, known)[0][LABELS:]
    return {
        "data": data,
        "rows": count,
        "search": search,
        "seconds": round(seconds, 2),
        "spreading": round(spreading, 2),
        "recall": float(np.mean(shared)),
        "right": float((given == label[LABELS:]).float().mean()),
        "versions": versions(),
    }


def table(data: str) -> Iterator[str]:
    yield f"| {data}, rows | search | seconds | recall | seconds of spreading | labels right |"
    yield "|---:|---|---:|---:|---:|---:|"
    for line in sorted(
        lines_of(NAME), key=lambda one: (one["rows"], [*SEARCHES].index(one["search"]))
    ):
        if line["data"] == data:
            yield (
                f"| {line['rows']:,} | {line['search']} | {line['seconds']:.1f} |"
                f" {line['recall']:.4f} | {line['spreading']:.1f} | {line['right']:.4f} |"
            )


def summary() -> str:
    rows = [
        "# The graph of label propagation",
        "",
        "`python -m benchmarks.graph`: processor seconds on one thread to find the 50 nearest"
        f" others of each row, and then to spread {LABELS:,} labels along the graph; recall on"
        f" {ASKED:,} rows; share of the other rows whose label is right.",
    ]
    for data in SIZES:
        rows += ["", *table(data)]
    return "\n".join([*rows, "", *versions_of(lines_of(NAME)), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--largest", type=int, default=100_000)
    given = parser.parse_args()
    wanted = [
        (data, count, search)
        for sizes in zip(*SIZES.values(), strict=True)  # the small ones first
        for data, count in zip(SIZES, sizes, strict=True)
        for search in SEARCHES
        if count <= given.largest
    ]
    complete(NAME, run, wanted, ("data", "rows", "search"), summary, jobs=1)


if __name__ == "__main__":
    main()

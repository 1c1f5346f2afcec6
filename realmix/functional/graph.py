"""A graph of nearest neighbors, and labels that spread along it (Iscen et al., 2019, section 3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.linalg import cg
from torch import Tensor

BLOCK = 2048  # rows whose similarities to all others are in memory at once

# of the approximate search, as measured in benchmarks/records/graph
CELLS = 2.0  # times the root of the rows: a cell and its choice cost the same then
PROBES = 16  # cells that are searched for a row's neighbors, or more:
CANDIDATES = 16  # so many times the neighbors wanted are looked at
POINTS = 64  # rows a cell from which its center is learned

Search = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""`nearest` or `nearest_approximately`."""


def nearest(
    features: Float[Tensor, "N D"], k: int
) -> tuple[Float[Tensor, "N k"], Int[Tensor, "N k"]]:
    """Cosine similarity and row of the k most similar others, exactly; all others if k >= N."""
    unit = torch.nn.functional.normalize(features, dim=1)
    count, similarity, index = len(unit), [], []
    for start in range(0, count, BLOCK):
        rows = torch.arange(start, min(start + BLOCK, count), device=unit.device)
        products = unit[rows] @ unit.T
        products[rows - start, rows] = -torch.inf  # nobody is a neighbor of itself
        found = products.topk(min(k, count - 1), dim=1)
        similarity.append(found.values)
        index.append(found.indices)
    return torch.cat(similarity), torch.cat(index)


def nearest_approximately(
    features: Float[Tensor, "N D"], k: int
) -> tuple[Float[Tensor, "N k"], Int[Tensor, "N k"]]:
    """Like `nearest`, searched only in the cells nearest to each row (an inverted file, faiss).

    Johnson, Douze and Jegou, 2017, https://arxiv.org/abs/1702.08734. Needs the package faiss-cpu.
    The same rows give the same bits, with any number of threads. Where fewer than k others are
    found, the row itself stands for them with a similarity of -inf.
    """
    import faiss

    normalized = torch.nn.functional.normalize(features, dim=1).to("cpu")
    unit = np.asarray(normalized, np.float32, order="C")
    count, width = unit.shape
    k, cells = min(k, count - 1), min(math.ceil(CELLS * math.sqrt(count)), count)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 0, 1, POINTS
    index.nprobe = max(PROBES, math.ceil(CANDIDATES * k * cells / count))
    index.train(unit)
    index.add(unit)
    similarity, found = index.search(unit, k + 1)
    others = found != np.arange(count)[:, None]
    others[:, k] &= ~others[:, :k].all(1)  # a row that did not find itself has one too many
    similarity, found = similarity[others].reshape(count, k), found[others].reshape(count, k)
    missing = found < 0
    found = np.where(missing, np.arange(count)[:, None], found)
    similarity = np.where(missing, -np.inf, similarity)
    return torch.from_numpy(similarity).to(features), torch.from_numpy(found).to(features.device)


def knn_graph(
    features: Float[Tensor, "N D"], k: int, power: float, search: Search = nearest
) -> Any:
    """W + W^T with W_ij = max(0, cos)^power for the k neighbors j of i (Iscen et al., eqs. 9, 10).

    Args:
        features: one row a node, on any device.
        k: neighbors of a node, 1 or more.
        power: gamma > 0.
        search: exact, or approximate.

    Returns:
        (N, N) symmetric float64 sparse array (CSR), zero on the diagonal. Neighbors of each other
        have twice the weight, as in the published code.
    """
    similarity, index = search(features.float(), k)
    weight = np.asarray(similarity.clamp(min=0).to("cpu").double()) ** power
    count, each = weight.shape
    rows = np.repeat(np.arange(count), each)
    columns = np.asarray(index.to("cpu")).ravel()
    graph = sparse.csr_array((weight.ravel(), (rows, columns)), shape=(count, count))
    return graph + graph.T


def propagate(
    graph: Any,
    label: Int[Tensor, " N"],
    num_classes: int,
    alpha: float = 0.99,
    tolerance: float = 1e-6,
    iterations: int = 20,
) -> Float[Tensor, "N K"]:
    """Z with (I - alpha S) Z = Y, S = D^(-1/2) W D^(-1/2), by conjugate gradient (eqs. 5 and 10).

    Column c of Y is 1 / (labels of class c) at its labeled nodes, as in the published code.
    Negative scores become 0. A node without neighbors has the scores of its own label only.

    Args:
        graph: (N, N) symmetric, from `knn_graph`.
        label: -1 where unknown.
        num_classes: K.
        alpha: share of a score that comes from the neighbors, in [0, 1).
        tolerance: relative residual at which a class is solved.
        iterations: at most, of each class.

    Returns:
        float64 scores >= 0, on the CPU.
    """
    degree = graph.sum(axis=1)
    scale = sparse.diags_array(1 / np.sqrt(np.where(degree > 0, degree, 1.0)))
    system = sparse.eye_array(len(degree)) - alpha * (scale @ graph @ scale)
    given, scores = np.asarray(label.to("cpu")), np.zeros((len(degree), num_classes))
    for c in range(num_classes):
        own = given == c
        start = own / max(own.sum(), 1)
        scores[:, c] = cg(system, start, rtol=tolerance, maxiter=iterations)[0]
    return torch.from_numpy(scores.clip(min=0))


def pseudo_labels(
    scores: Float[Tensor, "N K"], label: Int[Tensor, " N"]
) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"], Float[Tensor, " K"]]:
    """Label, certainty and class weight from propagated scores (eqs. 7, 11 and 12).

    The certainty is 1 - entropy / log K over its largest value, 0 for a node that no label has
    reached; labeled nodes keep their label and have 1. The weight of class c is (N / K) / n_c,
    where n_c counts labels and pseudo-labels of the N nodes that have one.

    Args:
        scores: >= 0, from `propagate`.
        label: -1 where unknown, on the CPU.
    """
    num_classes, known = scores.shape[1], label >= 0
    total = scores.sum(1, keepdim=True)
    reached = known | (total[:, 0] > 0)
    probs = torch.where(total > 0, scores / total.clamp(min=1e-300), 1 / num_classes)
    certainty = 1 - torch.special.entr(probs).sum(1) / math.log(num_classes)
    certainty = certainty.clamp(min=0) / certainty.amax().clamp(min=1e-9)
    assigned = torch.where(known, label, scores.argmax(1))
    counts = torch.bincount(assigned[reached], minlength=num_classes)
    class_weight = reached.sum() / num_classes / counts.clamp(min=1)
    return assigned, torch.where(known, 1.0, certainty).float(), class_weight.float()

"""The graph and the spread of labels: worked numbers, dense solutions, corners."""

import math

import numpy as np
import pytest
import torch
from scipy import sparse
from threadpoolctl import threadpool_limits

from realmix.functional import graph as module
from realmix.functional.graph import (
    knn_graph,
    nearest,
    nearest_approximately,
    propagate,
    pseudo_labels,
)

PATH = [(0, 1, 1.0), (1, 2, 1.0), (2, 3, 0.2), (3, 4, 1.0)]


def path_graph():
    """Five nodes in a row; the first is labeled 0, the last 1."""
    dense = np.zeros((5, 5))
    for i, j, weight in PATH:
        dense[i, j] = dense[j, i] = weight
    return sparse.csr_array(dense), torch.tensor([0, -1, -1, -1, 1])


def points(count=40, seed=0, width=5):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, width))).float()


def dense_graph(features, k, power):
    """With loops."""
    f = features.double().numpy()
    f = f / np.linalg.norm(f, axis=1, keepdims=True)
    similarity = f @ f.T
    w = np.zeros_like(similarity)
    for i in range(len(f)):
        others = [j for j in range(len(f)) if j != i]
        others.sort(key=lambda j: -similarity[i, j])
        for j in others[:k]:
            w[i, j] = max(0.0, similarity[i, j]) ** power
    return w + w.T


def dense_scores(w, label, num_classes, alpha):
    degree = w.sum(1)
    degree = np.where(degree > 0, degree, 1.0)
    s = w / np.sqrt(np.outer(degree, degree))
    y = np.zeros((len(w), num_classes))
    for i, c in enumerate(label):
        if c >= 0:
            y[i, c] = 1 / np.sum(np.array(label) == c)
    return np.linalg.solve(np.eye(len(w)) - alpha * s, y)


# --- the graph


@pytest.mark.parametrize(("k", "power"), [(1, 1.0), (4, 3.0), (39, 2.0), (100, 3.0)])
def test_the_graph_equals_a_reference_with_loops(k, power):
    features = points()
    expected = dense_graph(features, k, power)
    np.testing.assert_allclose(knn_graph(features, k, power).toarray(), expected, atol=1e-5)


@pytest.mark.parametrize("block", [1, 7, 40])
def test_the_graph_does_not_depend_on_the_size_of_blocks(block, monkeypatch):
    whole = knn_graph(points(), 5, 3.0).toarray()
    monkeypatch.setattr(module, "BLOCK", block)
    np.testing.assert_allclose(knn_graph(points(), 5, 3.0).toarray(), whole, atol=1e-6)


def test_the_graph_is_symmetric_without_loops_and_ignores_the_length_of_features():
    features = points()
    found = knn_graph(features, 6, 3.0)
    assert abs(found - found.T).max() == 0
    assert np.abs(found.diagonal()).max() == 0
    scaled = knn_graph(features * torch.linspace(0.1, 9, 40)[:, None], 6, 3.0)
    np.testing.assert_allclose(scaled.toarray(), found.toarray(), atol=1e-5)


def test_nobody_is_its_own_neighbor_even_among_equals():
    similarity, index = nearest(torch.ones(6, 3), 4)
    assert similarity.shape == index.shape == (6, 4)
    torch.testing.assert_close(similarity, torch.ones(6, 4))
    for i, row in enumerate(index.tolist()):
        assert i not in row
        assert len(set(row)) == 4


def test_opposite_features_are_no_neighbors():
    found = knn_graph(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [-2.0, 0.1]]), 2, 3.0).toarray()
    assert found[0].sum() == 0
    assert found[1, 2] == pytest.approx(2 * (1 / math.sqrt(1.0025)) ** 3, rel=1e-5)  # both ways


def test_a_single_node_has_a_graph():
    assert knn_graph(points(1), 3, 3.0).toarray().tolist() == [[0.0]]


# --- the approximate search


def clusters(count=3000, classes=20, width=16, seed=0):
    """Rows around centers, and whose they are."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, count)
    rows = 2 * rng.normal(size=(classes, width))[label] + rng.normal(size=(count, width))
    return torch.from_numpy(rows).float(), torch.from_numpy(label)


def recall(found, exact):
    pairs = zip(found.tolist(), exact.tolist(), strict=True)
    return np.mean([len(set(one) & set(other)) / len(other) for one, other in pairs])


def test_nearly_all_of_the_nearest_are_found_with_their_similarity_and_nearest_first():
    features, _ = clusters()
    similarity, index = nearest_approximately(features, 50)
    assert similarity.shape == index.shape == (3000, 50)
    assert index.dtype == torch.int64
    assert recall(index, nearest(features, 50)[1]) > 0.98
    unit = torch.nn.functional.normalize(features, dim=1)
    torch.testing.assert_close(similarity, (unit[:, None] * unit[index]).sum(-1))
    assert (similarity[:, 1:] <= similarity[:, :-1]).all()


def test_the_graph_is_of_the_neighbors_that_the_search_finds():
    ring = torch.full((4, 1), 0.5), torch.tensor([[1], [2], [3], [0]])
    found = knn_graph(points(4), 1, 3.0, lambda rows, k: ring).toarray()
    expected = np.roll(np.eye(4), 1, axis=1) / 8
    np.testing.assert_allclose(found, expected + expected.T)


def test_more_neighbors_are_looked_for_in_more_cells():
    """300 of 800: sixteen cells of some 14 rows do not hold as many."""
    features, _ = clusters(800)
    similarity, index = nearest_approximately(features, 300)
    assert similarity.isfinite().all()
    assert recall(index, nearest(features, 300)[1]) > 0.98


def test_it_does_not_look_at_all_cells(monkeypatch):
    """What is probed decides what is found."""
    features = points(3000, width=32)  # no clusters: neighbors are anywhere
    exact = nearest(features, 50)[1]
    found = recall(nearest_approximately(features, 50)[1], exact)
    monkeypatch.setattr(module, "PROBES", 10**6)
    assert found < recall(nearest_approximately(features, 50)[1], exact) == 1


def test_the_approximate_search_gives_the_same_bits_with_any_number_of_threads():
    features, _ = clusters(width=37)
    found = []
    for threads in (1, 2, 3, 1):
        with threadpool_limits(threads):
            found.append(nearest_approximately(features, 50))
    for other in found[1:]:
        assert torch.equal(other[0], found[0][0])
        assert torch.equal(other[1], found[0][1])


@pytest.mark.parametrize("count", [1, 2, 3, 6, 60])
def test_nobody_is_its_own_neighbor_in_the_approximate_search_even_among_equals(count):
    similarity, index = nearest_approximately(torch.ones(count, 3), 4)
    assert similarity.shape == index.shape == (count, min(4, count - 1))
    for i, row in enumerate(index.tolist()):
        assert i not in row
        assert len(set(row)) == len(row)


def test_places_that_stay_empty_have_no_weight(monkeypatch):
    """Two far apart groups, and one cell alone is looked at: neighbors are missing."""
    monkeypatch.setattr(module, "CANDIDATES", 0)
    monkeypatch.setattr(module, "PROBES", 1)
    features, _ = clusters(200, classes=2)
    similarity, index = nearest_approximately(features, 60)
    missing = similarity.isinf()
    assert missing.any()
    assert torch.equal(index[missing], torch.arange(200)[:, None].expand(-1, 60)[missing])
    found = knn_graph(features, 60, 3.0, nearest_approximately)
    assert np.abs(found.diagonal()).max() == 0
    assert np.isfinite(found.toarray()).all()
    assert found.sum() > 0


def test_labels_spread_along_the_approximate_graph_as_along_the_exact_one():
    features, label = clusters(classes=5)
    known = torch.where(torch.arange(3000) < 30, label, -1)
    given = []
    for search in (nearest, nearest_approximately):
        scores = propagate(knn_graph(features, 20, 3.0, search), known, 5)
        given.append(pseudo_labels(scores, known)[0])
    assert (given[0] == given[1]).float().mean() > 0.998
    assert (given[1] == label).float().mean() > 0.98


def test_training_goes_on_after_a_search_and_a_search_after_training():
    """Torch and faiss each bring a runtime for threads: both live in one process."""
    features, label = clusters()
    network = torch.nn.Linear(16, 20)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    found, losses = [], []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(network(features), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        found.append(nearest_approximately(features, 10)[1])
    assert losses[2] < losses[1] < losses[0]
    assert all(torch.equal(one, found[0]) for one in found)


# --- the spread


def test_the_path_of_five_nodes():
    graph, label = path_graph()
    scores = propagate(graph, label, 2, 0.99)
    probs = (scores / scores.sum(1, keepdim=True)).numpy().round(4).tolist()
    rows = [[0.549, 0.451], [0.5341, 0.4659], [0.5188, 0.4812], [0.4457, 0.5543], [0.432, 0.568]]
    assert probs == rows
    assigned, certainty, class_weight = pseudo_labels(scores, label)
    assert assigned.tolist() == [0, 0, 0, 1, 1]
    expected = torch.tensor([1.0, 0.2506, 0.0762, 0.6378, 1.0])
    torch.testing.assert_close(certainty, expected, atol=5e-5, rtol=0)
    torch.testing.assert_close(class_weight, torch.tensor([0.8333, 1.25]), atol=5e-5, rtol=0)
    _, unlabeled, _ = pseudo_labels(scores, torch.full((5,), -1))
    expected = torch.tensor([0.5184, 0.2506, 0.0762, 0.6378, 1.0])
    torch.testing.assert_close(unlabeled, expected, atol=5e-5, rtol=0)


def test_the_path_with_half_of_the_scores_from_neighbors():
    graph, label = path_graph()
    expected = [[1.1624, 0.0072], [0.4592, 0.0203], [0.1495, 0.0551], [0.0157, 0.5823],
                [0.0072, 1.2658]]  # fmt: skip
    assert propagate(graph, label, 2, 0.5).numpy().round(4).tolist() == expected


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.99])
def test_conjugate_gradients_equal_the_dense_solution(alpha):
    features, label = points(seed=3), [0, 0, 1, 2, *[-1] * 36]
    w = dense_graph(features, 5, 3.0)
    expected = dense_scores(w, label, 3, alpha)
    found = propagate(
        knn_graph(features, 5, 3.0), torch.tensor(label), 3, alpha, 1e-12, iterations=400
    )
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4, rtol=1e-4)


def test_two_labels_of_a_class_count_half_each():
    graph, _ = path_graph()
    one = propagate(graph, torch.tensor([0, -1, -1, -1, -1]), 1, 0.5, 1e-12)
    other = propagate(graph, torch.tensor([-1, -1, -1, -1, 0]), 1, 0.5, 1e-12)
    both = propagate(graph, torch.tensor([0, -1, -1, -1, 0]), 1, 0.5, 1e-12)
    torch.testing.assert_close(both, (one + other) / 2)


def test_fewer_iterations_solve_less_exactly():
    graph, label = path_graph()
    exact = propagate(graph, label, 2, 0.99)
    rough = propagate(graph, label, 2, 0.99, iterations=2)
    assert (exact - rough).abs().max() > 1e-3
    assert (rough >= 0).all()


def test_an_isolated_node_keeps_its_label_or_has_none():
    dense = np.zeros((4, 4))
    dense[0, 1] = dense[1, 0] = 1.0
    graph, label = sparse.csr_array(dense), torch.tensor([0, -1, 1, -1])
    scores = propagate(graph, label, 2, 0.9)
    assert scores.isfinite().all()
    assert scores[2].tolist() == [0.0, 1.0]
    assert scores[3].tolist() == [0.0, 0.0]
    assigned, certainty, class_weight = pseudo_labels(scores, label)
    assert assigned[:3].tolist() == [0, 0, 1]
    assert certainty.tolist() == [1.0, 1.0, 1.0, 0.0]
    assert class_weight.tolist() == [0.75, 1.5]  # of the three nodes that have a label


def test_scores_that_say_nothing_have_no_weight_and_are_finite():
    label = torch.tensor([-1, -1])
    for scores in (torch.ones(2, 3).double(), torch.zeros(2, 3).double()):
        _, certainty, class_weight = pseudo_labels(scores, label)
        assert certainty.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
        assert class_weight.isfinite().all()


def test_certainty_is_relative_to_the_surest_and_uses_the_number_of_classes():
    scores = torch.tensor([[8.0, 1.0, 1.0], [2.0, 2.0, 6.0]]).double()
    label = torch.full((2,), -1)
    assigned, certainty, _ = pseudo_labels(scores, label)
    probs = [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]]
    plain = [1 + sum(p * math.log(p) for p in row) / math.log(3) for row in probs]
    assert assigned.tolist() == [0, 2]
    assert certainty.tolist() == pytest.approx([1.0, plain[1] / plain[0]], rel=1e-6)


def test_a_label_wins_over_the_scores_of_its_node():
    assigned, certainty, _ = pseudo_labels(torch.tensor([[0.9, 0.1], [0.2, 0.8]]).double(),
                                           torch.tensor([1, -1]))  # fmt: skip
    assert assigned.tolist() == [1, 1]
    assert certainty[0] == 1

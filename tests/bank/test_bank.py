"""A bank of sentences: read, kept, searched, and joined to a pool."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from realmix.bank import lines as bank_lines
from realmix.bank import pool
from realmix.bank.features import Bank
from realmix.bank.lines import Lines, mapped
from realmix.bank.pool import Wanted, half_of_each_class, with_bank
from realmix.bank.retrieval import in_domain, in_turn, retrieve
from realmix.bank.search import Found, by_cells, exact, queries, unit
from realmix.base.errors import DataError, UsageError
from realmix.data.encoded import Reference
from realmix.data.pools import Dataset
from realmix.data.texts.columns import as_texts
from realmix.encoders.texts.tfidf import TfidfEncoder


class Letters:
    """An encoder whose features are how often a text has each of the letters a to d."""

    kind = "texts"
    state: ClassVar[dict[str, torch.Tensor]] = {}
    reference = Reference("letters", None, 4, "0" * 16)

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, texts):
        self.seen += texts
        return torch.tensor([[text.count(c) for c in "abcd"] for text in texts]).half()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REALMIX_CACHE", str(tmp_path / "cache"))
    for module in ("lines", "features", "search"):
        monkeypatch.setattr(f"realmix.bank.{module}.BLOCK", 16)
    return tmp_path


def words(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("abcd"), 9)) for _ in range(count)]


def bank_of(folder: Path, texts: list[str], encoder=None) -> Bank:
    (folder / "bank.txt").write_text("\n".join(texts), encoding="utf-8")
    return Bank(Lines(folder / "bank.txt"), encoder or Letters())


# --- reading


@pytest.mark.parametrize(
    ("name", "opener"), [("b.txt", open), ("b.txt.gz", gzip.open), ("b.txt.xz", lzma.open)]
)
def test_lines_that_hold_no_text_are_passed_over(tmp_path, name, opener):
    with opener(tmp_path / name, "wb") as file:
        file.write(b"\xef\xbb\xbfone\n\n  two \r\nwith\0nul\n\xe9t\xe9\n" + b"x" * 50_000)
    found = list(Lines(tmp_path / name).numbered())
    assert found == [(1, "one"), (3, "two"), (5, "été"), (6, "x" * bank_lines.LONGEST)]
    assert len(Lines(tmp_path / name)) == 4


def test_the_column_of_a_table_is_found_by_its_name(tmp_path):
    (tmp_path / "b.tsv").write_text("source\ttext\nbrown\tone two\nmasc\tthree\nbroken\n")
    assert list(Lines(tmp_path / "b.tsv").numbered()) == [(2, "one two"), (3, "three")]
    with bz2.open(tmp_path / "c.tsv.bz2", "wt") as file:
        file.write("one two\tbrown\nthree\tmasc\n")
    assert list(Lines(tmp_path / "c.tsv.bz2").numbered()) == [(1, "one two"), (2, "three")]


def test_what_is_no_bank_is_refused(tmp_path):
    (tmp_path / "b.csv").write_text("text\na\n")
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"one\n" * 1000)[:30])
    (tmp_path / "c.txt.xz").write_bytes(b"no archive")
    with pytest.raises(UsageError, match=r"a bank is a file of sentences"):
        Lines(tmp_path / "b.csv")
    with pytest.raises(UsageError, match="there is no file"):
        Lines(tmp_path / "missing.txt")
    with pytest.raises(DataError, match="has no sentence"):
        len(Lines(tmp_path / "empty.txt"))
    for damaged in ("b.txt.gz", "c.txt.xz"):
        with pytest.raises(DataError, match="cannot be read to its end"):
            len(Lines(tmp_path / damaged))


def test_the_bytes_of_a_bank_tell_that_it_changed(tmp_path):
    assert mapped(None) is None
    (tmp_path / "b.txt").write_text("one")
    assert bytes(mapped(str(tmp_path / "b.txt"))) == b"one"
    (tmp_path / "b.txt").write_text("")
    assert len(mapped(str(tmp_path / "b.txt"))) == 0


# --- features


def test_a_bank_is_encoded_once_and_goes_on_where_it_was_stopped(tmp_path):
    texts = words(40)
    encoder = Letters()

    def stops(texts):
        if len(encoder.seen) >= 16:
            raise KeyboardInterrupt
        return Letters.encode(encoder, texts)

    broken = bank_of(tmp_path, texts, encoder)
    encoder.encode = stops
    with pytest.raises(KeyboardInterrupt):
        list(broken.blocks())
    again = bank_of(tmp_path, texts)
    rows = np.concatenate(list(again.blocks()))
    assert again.encoder.seen == texts[16:]
    assert rows.astype(int).tolist() == [[text.count(c) for c in "abcd"] for text in texts]
    longer = bank_of(tmp_path, [*texts[:32], "dddd", "cccc"])
    assert len(np.concatenate(list(longer.blocks()))) == 34
    assert longer.encoder.seen == ["dddd", "cccc"]


def test_what_was_fitted_to_the_run_is_not_kept(tmp_path):
    texts = [f"a small {word} of words" for word in ("cat", "dog", "bird", "cat")]
    bank = bank_of(tmp_path, texts, TfidfEncoder.fit(texts))
    for _ in range(2):
        assert np.concatenate(list(bank.blocks())).shape[0] == 4
    assert not (tmp_path / "cache").exists()
    with pytest.raises(UsageError, match="fitted anew"):
        by_cells(bank, np.eye(1, bank.dimension, dtype=np.float32), 1)


# --- queries and search


def test_the_three_kinds_of_query():
    rows, label = np.array([[2.0, 0], [0, 1], [0, 5]]), np.array([0, 1, 1])
    half = 1 / np.sqrt(2)
    assert queries(rows, label, 3, "each").tolist() == [[1, 0], [0, 1], [0, 1]]
    assert queries(rows, label, 3, "label").tolist() == [[1, 0], [0, 1]]  # class 2 has no label
    # the mean of unit rows is (1/3, 2/3), whatever their lengths were
    assert queries(rows, label, 3, "all")[0] == pytest.approx([1 / 5**0.5, 2 / 5**0.5])
    mixed = queries(rows, np.array([0, 0, 1]), 2, "label")
    assert mixed[0] == pytest.approx([half, half])
    assert unit(np.zeros((1, 2))).tolist() == [[0, 0]]


def test_exact_search_is_a_sort_of_all_cosines(tmp_path):
    texts = words(100)
    bank = bank_of(tmp_path, texts)
    wanted = unit(np.random.default_rng(1).normal(size=(3, 4)))
    found = exact(bank, wanted, 10)
    rows = np.array([[text.count(c) for c in "abcd"] for text in texts], float)
    cosine = rows @ wanted.T.astype(float) / np.linalg.norm(rows, axis=1, keepdims=True)
    for query in range(3):
        best = np.sort(cosine[:, query])[::-1][:10]
        assert found.score[query] == pytest.approx(best, abs=1e-5)
        assert cosine[found.row[query], query] == pytest.approx(best, abs=1e-5)
    assert exact(bank, wanted, 1000).row.shape == (3, 100)


def test_a_sentence_that_is_the_query_comes_first_and_equal_ones_in_their_order(tmp_path):
    bank = bank_of(tmp_path, ["ab", "cd", *["aabb"] * 20, "ccd"])
    found = exact(bank, queries(np.array([[1.0, 1, 0, 0]]), np.zeros(1, int), 1, "each"), 5)
    assert found.row.tolist() == [[0, 2, 3, 4, 5]]
    assert found.score[0] == pytest.approx(np.ones(5))


def test_a_search_of_all_cells_is_exact(tmp_path):
    pytest.importorskip("faiss")
    bank = bank_of(tmp_path, list(dict.fromkeys(words(300))))
    wanted = unit(np.abs(np.random.default_rng(1).normal(size=(3, 4))))
    one, other = exact(bank, wanted, 8), by_cells(bank, wanted, 8, probed=1.0)
    assert other.score == pytest.approx(one.score, abs=1e-5)
    some = by_cells(bank, wanted, 8, probed=0.01)
    assert (some.score[:, 0] > 0.8).all()
    assert (some.score <= one.score + 1e-5).all()


# --- retrieval


def test_queries_take_turns():
    found = Found(np.array([[0.9, 0.8], [0.7, -np.inf]]), np.array([[3, 1], [3, -1]]))
    assert list(in_turn(found)) == [(3, 0.9), (3, 0.7), (1, 0.8)]


def test_what_is_known_or_equal_is_not_taken(tmp_path):
    bank = bank_of(tmp_path, ["aa", "AB", "ab ", "aab", "abc", "d"])
    labeled = np.array([[1.0, 0, 0, 0]])
    found = retrieve(
        bank,
        labeled,
        np.zeros(1, int),
        1,
        ["AA", "aab"],
        kind="each",
        search="exact",
        rows=2,
        seed=0,
    )
    assert found.texts == ["ab", "abc"]  # "aa" and "aab" are known, "AB" is not "ab" to it
    assert np.isnan(found.in_domain)  # of one labeled text nothing is known to be usual


def test_the_share_in_the_domain_by_hand():
    """Seen from the origin, labeled rows have cosines .8 with the nearest other; of three rows one
    has more, one less, and one just that."""
    labeled = np.array([[1.0, 0, 0], [0.8, 0.6, 0]])
    rows = np.array([[1.0, 0.1, 0], [0, 0, 1], [0.8, -0.6, 0]])
    assert in_domain(rows, labeled, np.zeros(3)) == pytest.approx(2 / 3)
    away = np.array([0.0, 0.0, 0.5])  # what all have in common counts for nothing
    lifted = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert in_domain(lifted, labeled, away) == pytest.approx(2 / 3)


def data() -> Dataset:
    texts = ["aaab", "aab", "aaabb", "ddc", "dddc", "ddcc", "abcd"]
    label = np.array([0, 0, 0, 1, 1, 1, -1])
    return Dataset(as_texts(texts), label, ("x", "y"), "words", copies=np.zeros(7, bool))


@pytest.mark.parametrize("kind", ["each", "all", "label"])
def test_sentences_join_the_pool_without_a_label(tmp_path, kind):
    bank_of(tmp_path, ["aaaab", "ddddc", "bbbb", "cccc", "aaab"])
    wanted = Wanted(tmp_path / "bank.txt", 2, kind, "exact")
    found = with_bank(data(), Letters(), wanted, 0, lambda *done: None, lambda note: None)
    if kind != "all":
        assert sorted(found.inputs[7:]) == ["aaaab", "ddddc"]
    assert found.label[7:].tolist() == [-1, -1]
    lines = {name: text for name, text in zip(found.names[7:], found.inputs[7:], strict=True)}
    if kind != "all":
        assert lines[f"{tmp_path}/bank.txt:2"] == "ddddc"
    assert len(found.copies) == 9
    assert found.trains_only.sum() == (4 if kind == "label" else 0)
    told = found.origin["bank"]
    assert (told["retrieved"], told["sentences"], told["query"]) == (2, 5, kind)
    assert {example["text"] for example in told["examples"]} == set(found.inputs[7:])
    assert "2 of the 5 sentences" in found.notes[-1]


def test_half_of_each_class_makes_its_mean():
    rows = half_of_each_class(data(), 0)
    assert np.bincount(data().label[rows]).tolist() == [2, 2]


def test_what_cannot_work_is_said_before_anything_is_encoded(tmp_path):
    wanted = Wanted(tmp_path / "bank.txt", 2, "each", "exact")
    table = Dataset(np.zeros((2, 3)), np.array([0, 1]), ("x", "y"), "features")
    with pytest.raises(UsageError, match="for texts"):
        wanted.check(table)
    with pytest.raises(UsageError, match=r"each, all, label, not 'eech'\. Did you mean 'each'"):
        wanted._replace(kind="eech").check(data())
    with pytest.raises(UsageError, match="exact, ivf"):
        wanted._replace(search="flat").check(data())
    bank_of(tmp_path, data().inputs.tolist())
    with pytest.raises(DataError, match="no sentence that is not here"):
        with_bank(data(), Letters(), wanted, 0, lambda *done: None, lambda note: None)
    assert pool.SHOWN == 5

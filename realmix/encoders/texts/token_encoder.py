"""A tokenizer and a network as an encoder of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Self, TypeGuard

import torch
from torch import Tensor, nn

from realmix.data.encoded import Reference
from realmix.data.texts.tokens import NOTHING, Tokenizing, padded
from realmix.encoders.encoder import TEXTS, fingerprint, kept
from realmix.encoders.texts.bert import Bert

BATCH = 32  # texts of like length a pass
LONGEST = 512  # tokens, where nothing says how many
LAST = ":last"  # behind a name: of a text that is too long the end is read


class TokenEncoder:
    """A tokenizer, and a network from tokens to one vector a text.

    Args:
        name: how it is found again.
        tokenizing: from texts to tokens.
        network: (B, L) int64 tokens and (B, L) bool, where they are text, to (B, D).
        mark: of the weights and the tokenizer.

    Attributes:
        kind: "texts".
        reference: how it is found again.
        state: empty.
    """

    kind = TEXTS
    state: Mapping[str, Tensor] = MappingProxyType({})

    def __init__(self, name: str, tokenizing: Tokenizing, network: nn.Module, mark: str) -> None:
        self.tokenizing, self.network = tokenizing, network.eval().requires_grad_(False)
        self.device, self.precision = torch.device("cpu"), torch.float32
        name = f"{name}{LAST}" if tokenizing.last else name
        self.reference = Reference(name, None, self.encode(["a"]).shape[1], mark)

    @classmethod
    def of_file(
        cls,
        name: str,
        tokenizer: Path,
        network: nn.Module,
        longest: int,
        last: bool = False,
        special: bool = True,
    ) -> Self:
        """With the tokenizer of a file tokenizer.json.

        Args:
            name: as above.
            tokenizer: the file.
            network: as above.
            longest: tokens of a text; what is behind them is cut off.
            last: what is before them is cut off instead (UDA, section 4).
            special: whether the network knows the tokens that begin and end a text.
        """
        words = tokenizer.read_text(encoding="utf-8")
        facts = {"tokenizer": words, "longest": longest, "last": last}
        tokenizing = Tokenizing.of(words, longest, last, special, name)
        return cls(name, tokenizing, network, fingerprint(network.state_dict(), facts))

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

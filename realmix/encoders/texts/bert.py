"""BERT (Devlin et al., 2019) with torch's own layers: the body of sentence encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from realmix.base.errors import UsageError
from realmix.encoders.texts.packed import PackedEmbedding

_ATTENTION = ("query", "key", "value")  # which torch holds as one matrix
_PARTS = {  # of a layer: torch's name and the one in files
    "self_attn.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}


PACKED = "packed"


class Form(NamedTuple):
    """Sizes of a BERT, how its text's vector is made: by "mean" of all tokens or "cls", the first;
    and whether the vectors of its words are packed, see `PackedEmbedding`."""

    layers: int
    width: int
    heads: int
    inner: int
    words: int
    places: int
    epsilon: float
    pooling: str
    packed: bool = False

    def __str__(self) -> str:
        return ":".join(map(str, self[:-1])) + f":{PACKED}" * self.packed

    @classmethod
    def of(cls, written: str) -> Self:
        """From what `str` gives.

        >>> str(Form.of("6:384:12:1536:30522:512:1e-12:mean"))
        '6:384:12:1536:30522:512:1e-12:mean'
        """
        plain = written.removesuffix(f":{PACKED}")
        *sizes, epsilon, pooling = plain.split(":")
        return cls(*map(int, sizes), float(epsilon), pooling, plain != written)  # type: ignore[arg-type, call-arg]


def form_of(config: Mapping[str, Any], pooling: str) -> Form:
    """Of what the file config.json has."""
    return Form(
        int(config["num_hidden_layers"]),
        int(config["hidden_size"]),
        int(config["num_attention_heads"]),
        int(config["intermediate_size"]),
        int(config["vocab_size"]),
        int(config["max_position_embeddings"]),
        float(config.get("layer_norm_eps", 1e-12)),
        pooling,
    )


class Bert(nn.Module):
    """Token numbers to one vector a text; its weights are still to be given.

    Args:
        form: its sizes.
    """

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form
        table = PackedEmbedding if form.packed else nn.Embedding
        self.words = table(form.words, form.width)
        self.places = nn.Embedding(form.places, form.width)
        self.kind = nn.Parameter(torch.zeros(form.width))
        self.norm = nn.LayerNorm(form.width, form.epsilon)
        layer = nn.TransformerEncoderLayer(
            form.width,
            form.heads,
            form.inner,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=form.epsilon,
            batch_first=True,
        )
        self.body = nn.TransformerEncoder(layer, form.layers, enable_nested_tensor=False)

    def take(self, state: Mapping[str, Tensor]) -> None:
        """Begin with weights by the names that BertModel has; those of a head are passed over.

        Raises:
            UsageError: they are not BERT's, or not of this size.
        """
        bare = {name.removeprefix("bert."): value for name, value in state.items()}
        try:
            self.load_state_dict(_translated(bare, self.form.layers))
        except (KeyError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"The weights are not a BERT's of this size: {reason}") from None

    def forward(self, tokens: Tensor, given: Tensor) -> Tensor:
        """(B, L) int64 tokens, and (B, L) bool where they are text, to (B, D)."""
        place = torch.arange(tokens.shape[1], device=tokens.device)
        states = self.norm(self.words(tokens) + self.places(place) + self.kind)
        states = self.body(states, src_key_padding_mask=~given)
        if self.form.pooling == "cls":
            first: Tensor = states[:, 0]
            return first
        mask = given[:, :, None].to(states.dtype)
        mean: Tensor = (states * mask).sum(1) / mask.sum(1)
        return mean


def _translated(state: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Weights under the names that `Bert` has."""
    table = "embeddings.word_embeddings."
    named = {
        name.replace(table, "words."): value
        for name, value in state.items()
        if name.startswith(table)
    }
    named |= {
        "places.weight": state["embeddings.position_embeddings.weight"],
        "kind": state["embeddings.token_type_embeddings.weight"][0],  # all texts are first ones
    }
    for kind in ("weight", "bias"):
        named[f"norm.{kind}"] = state[f"embeddings.LayerNorm.{kind}"]
        for number in range(layers):
            mine, theirs = f"body.layers.{number}", f"encoder.layer.{number}"
            three = [state[f"{theirs}.attention.self.{p}.{kind}"] for p in _ATTENTION]
            named[f"{mine}.self_attn.in_proj_{kind}"] = torch.cat(three)
            for own, other in _PARTS.items():
                named[f"{mine}.{own}.{kind}"] = state[f"{theirs}.{other}.{kind}"]
    return named

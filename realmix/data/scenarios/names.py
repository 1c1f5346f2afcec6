"""Scenarios by name, as `NAME=VALUE` says them. Imports nothing that takes time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from realmix.base.errors import UsageError
from realmix.base.wording import printable, suggestion


class Scenario(NamedTuple):
    """One that can be asked for by name.

    Attributes:
        unit: what its value is: "percent", "ratio", "count" or "text".
        means: it, in a sentence for the user.
    """

    unit: str
    means: str


SCENARIOS: dict[str, Scenario] = {
    "mismatch": Scenario(
        "percent", "of the pool's classes are foreign; each takes a known one's place"
    ),
    "mismatch-added": Scenario(
        "percent", "of the pool is foreign classes, added to a pool that stays"
    ),
    "foreign": Scenario(
        "text", "PERCENT:NAME of the pool is rows of a file, a name, or noise, added"
    ),
    "foreign-instead": Scenario("text", "the same, in the place of pool rows"),
    "imbalance": Scenario("ratio", "of the largest to the smallest class, labels and pool"),
    "imbalance-labels": Scenario("ratio", "the same of the labels alone"),
    "imbalance-pool": Scenario("ratio", "the same of the pool alone"),
    "imbalance-opposite": Scenario("ratio", "the same of both, the pool in reverse order"),
    "label-noise": Scenario("percent", "of the labels are another class"),
    "label-noise-asymmetric": Scenario("percent", "of the labels are the next class"),
    "label-noise-human": Scenario("text", "CIFAR-10N's labels: worst, aggregate, random1, ..."),
    "pool-size": Scenario("count", "rows of the pool"),
    "near-duplicates": Scenario("percent", "of the pool are changed copies of pool rows, added"),
    "validation": Scenario(
        "percent", "of the labels are what is tested on, in the place of any test rows"
    ),
    "grey": Scenario("percent", "of its color is taken from the pool's pictures"),
    "blur": Scenario("percent", "of the strongest blur of the pool's pictures"),
    "contrast": Scenario("percent", "of the strongest loss of contrast of the pool's pictures"),
    "jpeg": Scenario("percent", "of the strongest compression of the pool's pictures"),
}
DRAWS = ("mismatch", "mismatch-added")
"""Those that draw the labels themselves."""


@dataclass(frozen=True)
class Asked:
    """One scenario with its value, as `NAME=VALUE` says it.

    Attributes:
        name: one of `SCENARIOS`.
        amount: the number in the value; percent as a share.
        what: of a text value, the rest.
    """

    name: str
    amount: float
    what: str = ""

    @classmethod
    def of(cls, words: str) -> Asked:
        """Read `NAME=VALUE`.

        Raises:
            UsageError: a name or value that does not exist.
        """
        name, mark, value = words.partition("=")
        if name not in SCENARIOS or not mark or not value:
            raise UsageError(
                f"--scenario takes NAME=VALUE, such as mismatch=50; '{printable(words)}' is none."
                f"{suggestion(name, SCENARIOS)} Names: {', '.join(SCENARIOS)}."
            )
        unit = SCENARIOS[name].unit
        if name == "label-noise-human":
            return cls(name, math.nan, value)
        number, colon, what = value.partition(":")
        if (unit == "text") != bool(colon and what):
            form = f"{name}=50:FILE" if unit == "text" else f"{name}=50"
            raise UsageError(f"--scenario {printable(words)}: it is written as {form}.")
        try:
            amount = float(number)
        except ValueError:
            amount = math.nan
        whole = unit != "count" or amount == round(amount) if math.isfinite(amount) else False
        if not whole or amount < 0:
            raise UsageError(
                f"--scenario {printable(words)}: '{printable(number)}' is no number of 0 or more."
            )
        share = amount / 100 if unit in ("percent", "text") else amount
        return cls(name, share, what)

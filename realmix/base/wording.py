"""How things are said to a person."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence

_PARAMETERS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"--set (\w+)=\.\.\.", r"fields={'\1': ...}"),
    (
        r"--set (\w+)=([^\s,;:()]*[^\s,;:().])",
        lambda m: f"fields={{{m[1]!r}: {_value(m[2])}}}",
    ),
    (r"--set (\w+):", r"fields={'\1': ...}:"),
    (r"--set\b", "fields={...}"),
    (r"--no-gate|--gate none", "gate=False"),
    (
        r"--([a-z][a-z-]*)=('[^']*'|[^\s,;()]*[^\s,;().])",
        lambda m: f"{m[1].replace('-', '_')}={_value(m[2])}",
    ),
    (
        r"--(algorithm|model|augment|gate|judge|device|encoder(?= auto| none)|tune) "
        r"(?!or |and |to |is |was |takes )([\w:.-]*\w)",
        lambda m: f"{m[1]}={m[2]!r}",
    ),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def suggestion(given: str, known: Iterable[str]) -> str:
    """``" Did you mean 'x'?"`` for the nearest known name, or an empty string.

    >>> suggestion("fixmach", ["mixmatch", "fixmatch"])
    " Did you mean 'fixmatch'?"
    """
    nearest = difflib.get_close_matches(given, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(75), duration(3725)
    ('1 min 15 s', '1 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number of things.

    >>> counted(1, "row"), counted(2500, "row"), counted(2, "class", "classes")
    ('1 row', '2,500 rows', '2 classes')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def enumerated(names: Sequence[str]) -> str:
    """All names of a list.

    >>> enumerated(["a"]), enumerated(["a", "b"]), enumerated(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def shortened(names: Sequence[object], most: int = 10) -> str:
    """A list of names, the first of them if they are many.

    >>> shortened(["a", "b"]), shortened(range(1200), 2)
    ('a, b', '0, 1, ... (1,200 in all)')
    """
    listed = ", ".join(printable(name) for name in names[:most])
    return listed + (f", ... ({len(names):,} in all)" if len(names) > most else "")


def printable(text: object) -> str:
    """`text` with control characters shown as escapes, safe for a terminal or a log.

    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def in_python(sentence: str) -> str:
    """A sentence that names options of the command line, for whom they are parameters.

    >>> in_python("Try --set threshold=0.9, --algorithm auto, --no-gate or --class-value=-1.")
    "Try fields={'threshold': 0.9}, algorithm='auto', gate=False or class_value=-1."
    """
    for pattern, parameter in _PARAMETERS:
        sentence = re.sub(pattern, parameter, sentence)
    return re.sub(r"--([a-z][a-z-]+)", lambda flag: flag[1].replace("-", "_"), sentence)


def _value(text: str) -> str:
    bare = text.strip("'\"")
    constants = {"true": "True", "false": "False", "null": "None"}
    return bare if re.fullmatch(r"-?[0-9.]+", bare) else constants.get(bare, repr(bare))


def harmless(cell: str) -> str:
    """Text that a spreadsheet shows instead of computing it.

    >>> harmless("=1+1"), harmless("cat")
    ("'=1+1", 'cat')
    """
    return f"'{cell}" if cell.startswith(_FORMULA) else cell

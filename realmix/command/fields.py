"""`--set FIELD=VALUE` as values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from realmix.base.errors import UsageError
from realmix.base.wording import printable


def parse_fields(groups: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The fields of all --set: values that read as JSON are that, all others are text.

    Raises:
        UsageError: a word that is not field=value.

    >>> parse_fields([["threshold=0.9", "copies=null"], ["extension=simple"]])
    {'threshold': 0.9, 'copies': None, 'extension': 'simple'}
    """
    fields = {}
    for word in (word for group in groups for word in group):
        name, mark, text = word.partition("=")
        if not (name and mark):
            raise UsageError(
                f"--set takes field=value, such as --set weight=75; '{printable(word)}' is none."
            )
        try:
            fields[name] = json.loads(text)
        except ValueError:
            fields[name] = text
    return fields

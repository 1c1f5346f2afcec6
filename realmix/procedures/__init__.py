"""The table of procedures: name to class. A new one is one file and one line here."""

from __future__ import annotations

from realmix.procedure import Procedure

PROCEDURES: dict[str, type[Procedure]] = {}

"""The table of algorithms: name to class. A new one is one file and one line here."""

from __future__ import annotations

from realmix.algorithm import Algorithm
from realmix.algorithms.fixmatch import FixMatch
from realmix.algorithms.mean_teacher import MeanTeacher
from realmix.algorithms.mixmatch import MixMatch
from realmix.algorithms.realmix import RealMix
from realmix.algorithms.supervised import Supervised

ALGORITHMS: dict[str, type[Algorithm]] = {
    "supervised": Supervised,
    "mean_teacher": MeanTeacher,
    "mixmatch": MixMatch,
    "fixmatch": FixMatch,
    "realmix": RealMix,
}

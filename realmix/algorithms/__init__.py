"""The table of algorithms: name to class. A new one is one file and one line here."""

from __future__ import annotations

from realmix.algorithms.adamatch import AdaMatch
from realmix.algorithms.adversarial import Adversarial
from realmix.algorithms.arazo import Arazo
from realmix.algorithms.entropy_minimization import EntropyMinimization
from realmix.algorithms.fixmatch import FixMatch
from realmix.algorithms.flexmatch import FlexMatch
from realmix.algorithms.freematch import FreeMatch
from realmix.algorithms.ict import ICT
from realmix.algorithms.ladder import Ladder
from realmix.algorithms.mean_teacher import MeanTeacher
from realmix.algorithms.meta_pseudo_labels import MetaPseudoLabels
from realmix.algorithms.mixmatch import MixMatch
from realmix.algorithms.pi_model import PiModel
from realmix.algorithms.pseudo_label import PseudoLabel
from realmix.algorithms.realmix import RealMix
from realmix.algorithms.remixmatch import ReMixMatch
from realmix.algorithms.softmatch import SoftMatch
from realmix.algorithms.supervised import Supervised
from realmix.algorithms.temporal_ensembling import TemporalEnsembling
from realmix.algorithms.uda import UDA
from realmix.algorithms.vat import VAT
from realmix.contract.algorithm import Algorithm

ALGORITHMS: dict[str, type[Algorithm]] = {
    "supervised": Supervised,
    "adversarial": Adversarial,
    "entropy_minimization": EntropyMinimization,
    "pseudo_label": PseudoLabel,
    "ladder": Ladder,
    "pi_model": PiModel,
    "temporal_ensembling": TemporalEnsembling,
    "mean_teacher": MeanTeacher,
    "ict": ICT,
    "vat": VAT,
    "uda": UDA,
    "mixmatch": MixMatch,
    "remixmatch": ReMixMatch,
    "arazo": Arazo,
    "fixmatch": FixMatch,
    "adamatch": AdaMatch,
    "flexmatch": FlexMatch,
    "freematch": FreeMatch,
    "softmatch": SoftMatch,
    "meta_pseudo_labels": MetaPseudoLabels,
    "realmix": RealMix,
}

"""The table of procedures: name to class. A new one is one file and one line here."""

from __future__ import annotations

from realmix.procedures.dividemix import DivideMix
from realmix.procedures.in_domain import InDomain
from realmix.procedures.joint_self_training import JointSelfTraining
from realmix.procedures.label_propagation import LabelPropagation
from realmix.procedures.noisy_student import NoisyStudent
from realmix.procedures.outside.sent_augment import SentAugment
from realmix.procedures.outside.weak_labels import WeakLabels
from realmix.procedures.rows.balanced_self_training import BalancedSelfTraining
from realmix.procedures.rows.boosting import Boosting
from realmix.procedures.rows.committee import Committee
from realmix.procedures.rows.consensus import Consensus
from realmix.procedures.rows.forest import Forest
from realmix.procedures.rows.gaussian_mixture import GaussianMixture
from realmix.procedures.rows.label_spreading import LabelSpreading
from realmix.procedures.rows.linear import Linear
from realmix.procedures.rows.prototypes import Prototypes
from realmix.procedures.self_training import SelfTraining
from realmix.procedures.simclr_v2 import SimCLRv2
from realmix.procedures.taught.taught import Taught
from realmix.training.stages import Procedure

PROCEDURES: dict[str, type[Procedure]] = {
    "self_training": SelfTraining,
    "label_propagation": LabelPropagation,
    "noisy_student": NoisyStudent,
    "joint_self_training": JointSelfTraining,
    "in_domain": InDomain,
    "dividemix": DivideMix,
    "simclr_v2": SimCLRv2,
    "linear": Linear,
    "forest": Forest,
    "boosting": Boosting,
    "committee": Committee,
    "label_spreading": LabelSpreading,
    "balanced_self_training": BalancedSelfTraining,
    "gaussian_mixture": GaussianMixture,
    "prototypes": Prototypes,
    "consensus": Consensus,
    "taught": Taught,
    "sent_augment": SentAugment,
    "weak_labels": WeakLabels,
}

"""The table of procedures: name to class. A new one is one file and one line here."""

from __future__ import annotations

from realmix.procedures.balanced_self_training import BalancedSelfTraining
from realmix.procedures.dividemix import DivideMix
from realmix.procedures.forest import Forest
from realmix.procedures.gaussian_mixture import GaussianMixture
from realmix.procedures.in_domain import InDomain
from realmix.procedures.joint_self_training import JointSelfTraining
from realmix.procedures.label_propagation import LabelPropagation
from realmix.procedures.label_spreading import LabelSpreading
from realmix.procedures.linear import Linear
from realmix.procedures.noisy_student import NoisyStudent
from realmix.procedures.outside.sent_augment import SentAugment
from realmix.procedures.outside.weak_labels import WeakLabels
from realmix.procedures.self_training import SelfTraining
from realmix.procedures.simclr_v2 import SimCLRv2
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
    "label_spreading": LabelSpreading,
    "balanced_self_training": BalancedSelfTraining,
    "gaussian_mixture": GaussianMixture,
    "sent_augment": SentAugment,
    "weak_labels": WeakLabels,
}

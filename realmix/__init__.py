"""Semi-supervised learning you can trust on real data.

The public names are imported when they are first used, so that `import realmix` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realmix import algorithms, functional
    from realmix.auditing.audit import audit
    from realmix.comparison.face import compare
    from realmix.estimators.self_training_classifier import SelfTraining
    from realmix.estimators.semi_supervised_classifier import SemiSupervisedClassifier
    from realmix.models import NETWORKS
    from realmix.runs.classifier import Classifier
    from realmix.training.trainer import Trainer

    __version__: str

__all__ = [
    "NETWORKS",
    "Classifier",
    "SelfTraining",
    "SemiSupervisedClassifier",
    "Trainer",
    "algorithms",
    "audit",
    "compare",
    "functional",
]

_PLACES = {
    "NETWORKS": "realmix.models",
    "compare": "realmix.comparison.face",
    "Classifier": "realmix.runs.classifier",
    "SelfTraining": "realmix.estimators.self_training_classifier",
    "SemiSupervisedClassifier": "realmix.estimators.semi_supervised_classifier",
    "Trainer": "realmix.training.trainer",
    "audit": "realmix.auditing.audit",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("realmix")
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    if name in __all__:
        return importlib.import_module(f"realmix.{name}")
    raise AttributeError(f"module 'realmix' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})

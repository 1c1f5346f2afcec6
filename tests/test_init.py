"""The public names: there, lazy, and without torch until one is used."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

import realmix


def test_public_names_are_what_they_say() -> None:
    from realmix.estimators.semi_supervised_classifier import SemiSupervisedClassifier
    from realmix.runs.classifier import Classifier
    from realmix.training.trainer import Trainer

    assert realmix.Classifier is Classifier
    assert realmix.SemiSupervisedClassifier is SemiSupervisedClassifier
    assert realmix.Trainer is Trainer
    assert realmix.algorithms.FixMatch(threshold=0.9).threshold == 0.9
    assert realmix.functional.__name__ == "realmix.functional"
    assert set(realmix.__all__) <= set(dir(realmix))


def test_version_is_that_of_the_installed_package() -> None:
    assert realmix.__version__ == importlib.metadata.version("realmix")


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Trianer'"):
        _ = realmix.Trianer


def test_importing_realmix_imports_nothing_heavy() -> None:
    code = (
        "import sys, realmix; print({'torch', 'numpy', 'realmix.command.main'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"

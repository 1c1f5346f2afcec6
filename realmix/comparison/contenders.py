"""What is compared: our methods, `auto` with its gate, and estimators by name or import path."""

from __future__ import annotations

import importlib
import inspect
import json
from dataclasses import dataclass, replace
from typing import Any, Literal

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import counted, printable, suggestion
from realmix.data.pools import Dataset
from realmix.data.scenarios.truth import true_labels
from realmix.runs.choose import settings
from realmix.runs.methods import method_class

AUTO = "auto"
LABELS_ALONE = ("supervised", "linear", "forest", "boosting", "committee", "adversarial")
"""Our methods that need no pool."""
SKLEARN = "sklearn"
PLACES = (
    *("linear_model", "semi_supervised", "svm", "ensemble", "neighbors", "naive_bayes", "tree"),
    *("neural_network", "discriminant_analysis", "gaussian_process", "dummy"),
)
POOL = "pool"
TRUE_SHARE = "true_share"
"""A field's value that stands for the share of the pool's rows that are foreign in the cell."""
_DEFAULTS: dict[str, dict[str, Any]] = {
    "LogisticRegression": {"max_iter": 1000},
    "LabelSpreading": {"kernel": "knn"},  # the other kernel's width suits no standardized rows
    "LabelPropagation": {"kernel": "knn"},
}


@dataclass(frozen=True)
class Contender:
    """One of those that are compared.

    Attributes:
        words: as it was asked for, such as ``realmix:out_of_distribution=0.5``.
        kind: a method of ours, the gated run, or an estimator.
        name: of the method, or the import path of the class.
        fields: hyperparameters that differ from the defaults.
    """

    words: str
    kind: Literal["method", "auto", "estimator"]
    name: str
    fields: dict[str, Any]

    @classmethod
    def of(cls, words: str) -> Contender:
        """Read ``NAME:field=value:...``, or ``sklearn:CLASS``, or ``package.module:CLASS``.

        Raises:
            UsageError: a form that is none of these, or a method that does not exist.
        """
        from realmix.runs.methods import METHODS, method_class

        parts = words.split(":")
        named = parts[0] in (AUTO, *METHODS)
        is_class = len(parts) > 1 and "=" not in parts[1] and not named  # as in my_file:MyClass
        if parts[0] == SKLEARN or "." in parts[0] or is_class:
            if len(parts) < 2:
                raise UsageError(
                    f"'{printable(words)}': an estimator is given as sklearn:CLASS or"
                    " package.module:CLASS."
                )
            return cls(words, "estimator", ":".join(parts[:2]), _fields(words, parts[2:]))
        if parts[0] != AUTO:
            method_class(parts[0])
        kind: Literal["auto", "method"] = "auto" if parts[0] == AUTO else "method"
        return cls(words, kind, parts[0], _fields(words, parts[1:]))

    @property
    def alone(self) -> bool:
        """Whether it learns from the labels alone."""
        if self.kind == "estimator":
            return not takes_pool(estimator_class(self.name), self.fields)
        return self.name in LABELS_ALONE

    @property
    def spelled(self) -> str:
        """As it is asked for with these fields."""
        values = {n: v if isinstance(v, str) else json.dumps(v) for n, v in self.fields.items()}
        return ":".join([self.name, *(f"{name}={value}" for name, value in values.items())])

    @property
    def asks_truth(self) -> bool:
        """Whether a field is to follow what only a scenario knows."""
        return TRUE_SHARE in self.fields.values()

    def told(self, share: float) -> Contender:
        """The same where the pool's true share of foreign rows is known."""
        known = {n: share if value == TRUE_SHARE else value for n, value in self.fields.items()}
        return replace(self, fields=known)


def _fields(words: str, pairs: list[str]) -> dict[str, Any]:
    """Values that read as JSON are that, all others are text."""
    found = {}
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not name or not mark:
            raise UsageError(
                f"'{printable(words)}': behind the name come fields, as in"
                " realmix:out_of_distribution=0.5:weight=75."
            )
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def estimator_class(path: str) -> type[Any]:
    """The class of ``sklearn:CLASS`` or ``package.module:CLASS``.

    Raises:
        UsageError: it cannot be imported, or is no class with fit and predict.
    """
    module, _, name = path.partition(":")
    if module == SKLEARN:
        places = [importlib.import_module(f"sklearn.{place}") for place in PLACES]
    else:
        places = [_imported(module, path)]
    found = [getattr(place, name) for place in places if hasattr(place, name)]
    if not found:
        known = [n for place in places for n in dir(place) if not n.startswith("_")]
        raise UsageError(
            f"'{printable(path)}': there is no {printable(name)} in {module}."
            f"{suggestion(name, known)}"
        )
    if not inspect.isclass(found[0]) or not all(hasattr(found[0], m) for m in ("fit", "predict")):
        raise UsageError(f"'{printable(path)}' is no class with fit and predict.")
    return found[0]


def _imported(module: str, path: str) -> Any:
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever runs when it is imported
        raise UsageError(
            f"'{printable(path)}' cannot be imported: {type(error).__name__}: {printable(error)}."
            " The package must be installed, or its folder in PYTHONPATH."
        ) from None


def takes_pool(cls: type[Any], fields: dict[str, Any]) -> bool:
    """Whether an estimator is given the pool too, with the label -1.

    Those of a module called semi_supervised are, others where the field pool=true says so.
    """
    return bool(fields.get(POOL, "semi_supervised" in cls.__module__))


def built(contender: Contender, seed: int) -> Any:
    """A new estimator, with a base where it needs one, and the seed where it takes one.

    Raises:
        UsageError: a field that it does not have.
    """
    cls = estimator_class(contender.name)
    given = {name: value for name, value in contender.fields.items() if name != POOL}
    known = inspect.signature(cls).parameters
    for name in given:
        if name not in known:
            raise UsageError(
                f"'{printable(contender.words)}': {cls.__name__} has no {printable(name)}."
                f"{suggestion(name, known)} It has: {', '.join(known)}."
            )
    defaults = dict(_DEFAULTS.get(cls.__name__, {}))
    if cls.__name__ == "SelfTrainingClassifier" and "estimator" in known:
        from sklearn.linear_model import LogisticRegression

        defaults["estimator"] = LogisticRegression(max_iter=1000)
    if "random_state" in known:
        defaults["random_state"] = seed
    return cls(**{**defaults, **given})


def check_truth(dataset: Dataset) -> None:
    """Refuse `TRUE_SHARE` where nobody knows it.

    Raises:
        DataError: the class of a row of the pool is not known.
    """
    unknown = int((true_labels(dataset) < 0).sum())
    if unknown:
        raise DataError(
            f"{TRUE_SHARE}: nobody knows the class of {counted(unknown, 'row')} of the pool, so the"
            " true share of foreign rows is not known either. Give data whose rows all have labels,"
            " without --unlabeled, or give a number."
        )


def check_fields(contender: Contender) -> None:
    """Refuse fields that a contender does not have.

    Raises:
        UsageError: which, and what there are.
    """
    if contender.kind == "estimator":
        built(contender, 0)
    elif contender.kind == "method":
        settings(method_class(contender.name), contender.fields)
    elif contender.fields:
        raise UsageError("auto takes no fields: what it tries has its own.")

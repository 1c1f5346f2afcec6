"""What both estimators share: a score, notes as warnings, and sentences in Python's words."""

from __future__ import annotations

import copy
import functools
import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from typing import Any, TypeVar

import numpy as np
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length
from torch import nn

from realmix.base.errors import DataError, RealmixError, RealmixWarning, UsageError
from realmix.base.wording import in_python, printable
from realmix.data.labels import Marks, class_name
from realmix.estimators.labels import divide, settled
from realmix.models import NETWORKS
from realmix.models.own import own_name
from realmix.runs.classifier import Classifier
from realmix.runs.config import Config
from realmix.runs.parts.outcome import Outcome
from realmix.runs.phases import Phases

SEEDS = 2**31 - 1
F = TypeVar("F", bound=Callable[..., Any])


def python_words(method: F) -> F:
    """Let what a method raises name parameters, not options of the command line."""

    @functools.wraps(method)
    def worded(*args: Any, **options: Any) -> Any:
        try:
            return method(*args, **options)
        except RealmixError as error:
            raise type(error)(in_python(str(error))) from error.__cause__

    return worded  # type: ignore[return-value]


def warn(notes: Iterable[str]) -> None:
    """Each note as a `RealmixWarning`, which names the line that called `fit`."""
    for note in notes:
        warnings.warn(in_python(note), RealmixWarning, stacklevel=4)


def labeled_score(model: Any, X: Any, y: Any, sample_weight: Any) -> float:
    """Accuracy on the rows that have a label, so that unlabeled ones do not count as errors.

    Args:
        model: fitted, with `classes_`, `unlabeled_marker` and `class_value`.
        X: inputs as in `fit`.
        y: (N,) labels as in `fit`.
        sample_weight: (N,) weights of the rows, or None.

    Raises:
        DataError: no row has a label.
    """
    label = model.predict(X)
    marks = settled(Marks.of(model.unlabeled_marker, model.class_value), model.classes_)
    values, known = divide(y, marks, asks=False)
    check_consistent_length(label, known, sample_weight)
    if not known.any():
        raise DataError(f"None of the {len(known):,} rows has a label to score.")
    weight = None if sample_weight is None else np.asarray(sample_weight)[known]
    return float(accuracy_score(values, label[known], sample_weight=weight))


def result_of(outcome: Outcome, phases: Phases, pool: np.ndarray) -> dict[str, Any]:
    """What a run tells, in Python's words, with the rows of X that are worth labeling next."""
    unsure = outcome.evidence.get("unsure_index")
    given = {**outcome.result, **phases.dataset.origin, "seed": phases.config.seed}
    worded = {k: in_python(v) if isinstance(v, str) else v for k, v in given.items()}
    return {
        **worded,
        "notes": [in_python(note) for note in phases.notes],
        "label_next": [] if unsure is None else pool[unsure].tolist(),
    }


def config_of(model: Any) -> Config:
    """The run that an estimator's parameters ask for."""
    return Config(
        data="",
        algorithm=model.algorithm,
        model=network_name(model.model),
        steps=plain(model.steps),
        minutes=plain(model.minutes),
        seed=seed_of(model.random_state),
        device=model.device,
        gate=gate_of(model.gate),
        judge=model.judge,
        single=bool(model.single),
        encoder=model.encoder,
        tune=model.tune,
        augment=model.augment,
        class_weight=weights_of(model.class_weight),
        fields={name: plain(value) for name, value in (model.fields or {}).items()},
    )


def weights_of(given: Any) -> str | None:
    """Weights of classes as a run has them: a mapping as JSON, with the classes' names."""
    if not isinstance(given, Mapping):
        return None if given is None else str(given)
    return json.dumps({class_name(key): float(value) for key, value in given.items()})


def network_name(given: Any) -> Any:
    """The name of a network; a module is put into the table of networks under a name of its own.

    Trainings begin with the weights that it has.

    Raises:
        UsageError: neither a name nor a module, such as a class of modules.
    """
    if given is None or isinstance(given, str):
        return given
    if not isinstance(given, nn.Module):
        what = getattr(given, "__name__", type(given).__name__)
        raise UsageError(
            f"model is {printable(what)}, and neither a name nor a torch.nn.Module. Of a class or"
            f" a function give what it makes: model={printable(what)}(...)."
        )
    template = copy.deepcopy(given)
    NETWORKS[own_name(given)] = lambda shape, num_classes: copy.deepcopy(template)
    return own_name(given)


def seed_of(random_state: Any) -> int:
    """The seed of a run: an integer itself; one is drawn from a RandomState, or afresh for None."""
    if random_state is None:  # scikit-learn would advance NumPy's global state
        return int(np.random.default_rng().integers(SEEDS))
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(SEEDS))


def forget_features(model: Any) -> None:
    """Of an earlier fit to features, their number and names."""
    for name in vars(model).keys() & {"n_features_in_", "feature_names_in_"}:
        delattr(model, name)


def packed(classifier: Classifier) -> tuple[bytes, str]:
    """A classifier as safetensors and JSON: a pickle of these runs no code of torch."""
    tensors = classifier._tensors().items()
    rows = {name: value.detach().cpu().contiguous() for name, value in tensors}
    return to_bytes(rows), json.dumps(classifier._header())


def unpacked(tensors: bytes, header: str) -> Classifier:
    """What `packed` was given."""
    return Classifier.restore(from_bytes(tensors), json.loads(header))


def gate_of(gate: Any) -> Any:
    """A name of a gate; True is the balanced one, False compares nothing."""
    return gate if isinstance(gate, str) else "balanced" if gate else "none"


def plain(value: Any) -> Any:
    """A NumPy number, such as a grid of parameters holds, as Python's own."""
    return value.item() if isinstance(value, np.generic) else value

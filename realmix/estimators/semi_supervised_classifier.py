"""`SemiSupervisedClassifier`: a run of realmix as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from realmix.base.errors import DataError
from realmix.data.labels import EXPECTED, Marks, class_name
from realmix.data.reading.load import from_arrays
from realmix.data.texts.given import given_texts
from realmix.estimators import faces
from realmix.estimators.frames import encoded_columns, encoding_of
from realmix.estimators.inputs import array_rows, pool_proba, proba, seen
from realmix.estimators.labels import UNLABELED, divide, read
from realmix.estimators.listening import Listener
from realmix.estimators.others import rows_of
from realmix.estimators.pictures import given_files, given_pictures, pictures_of
from realmix.runs.experiment import Experiment
from realmix.runs.phases import Phases
from realmix.runs.pool.weak import with_worth


class SemiSupervisedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns from labeled and unlabeled rows, and proves that the unlabeled ones helped.

    With the gate, the labels alone are trained too, under the same budget, and compared on
    held-out labels; what uses the unlabeled rows is kept only if it is better. A fit opens no
    socket, writes no file, prints nothing and leaves all global random states as they are.

    Args:
        algorithm: what to compare with the labels alone: "realmix", "fixmatch", ...; "auto" takes
            what suits the data.
        model: the network: "auto" (a ConvNet for images, an MLP for features), "wrn-28-2", a name
            of `realmix.NETWORKS`, or a torch.nn.Module: docs/your-own.md.
        steps: optimizer steps of each training; by default a number that suits the data.
        minutes: instead of steps: about how long a fit may take.
        gate: "balanced" keeps what is likely best, "strict" what uses the pool only if it is proved
            better, False compares nothing; True is "balanced".
        judge: what the gate compares: "accuracy", "balanced", "macro_f1" or "log_loss"; "auto" is
            accuracy, or balanced accuracy where classes are unequal.
        single: where a pair is the better bet keep one network that learned from both.
        encoder: of texts or pictures, "none" of pictures: by default the best installed sees texts
            and photos. docs/text.md and docs/encoders.md have the names.
        tune: train the encoder too: "head", "last", "all", "lora" or "lora-RANK".
        augment: what is done to pictures: "photos" (mirrored), "digits", "symbols" (never
            mirrored or inverted), "none", or the name of a JSON file; "auto" takes what suits the
            data, and mirrors only where that does not change what is seen.
        class_weight: None, "balanced" or {class: weight}, as scikit-learn has it: how often the
            trainings draw the labels of a class.
        unlabeled_marker: value of `y` that means "no label", or a list of them, beside -1, "",
            None, NaN and what else always does (`realmix.data.labels.NO_LABEL`).
        class_value: value of `y` that is a class although it reads like "no label", or a list: -1
            where classes are -1 and 1.
        categorical: columns of a data frame whose values are categories, though numbers or many.
        numeric: columns that hold numbers; a cell that is none is taken as blank.
        fields: hyperparameters of the algorithm or its recipe that differ from the paper's.
        device: "auto", "cpu", "cuda" or "mps".
        verbose: 1 prints what is done, 2 also how trainings go.
        random_state: an integer is the seed of the run (the same integer, the same model); one is
            drawn from a RandomState; None takes a fresh one, not from NumPy's global state.

    Attributes:
        classes_: (K,) the classes, sorted, of the type of `y`.
        transduction_: (N,) label of each training row: as given, predicted where none was.
        result_: what `realmix fit` writes to result.json: which model is kept and why ("shipped",
            "reason"), accuracies with intervals, costs; with "seed", "notes" on the data, which are
            warnings too, and "label_next", rows of X of which it is least sure.
        history_: records of the trainings by method and part ("final", "fold-1", ...).
        classifier_: the `realmix.runs.classifier.Classifier` that is kept.
        n_features_in_, feature_names_in_: of feature rows, as in scikit-learn.

    Example:
        >>> import numpy as np
        >>> X = np.concatenate([np.zeros((9, 2)), np.ones((9, 2))])
        >>> y = [0, 0, *[-1] * 7, 1, 1, *[-1] * 7]
        >>> model = SemiSupervisedClassifier(steps=20, random_state=0).fit(X, y)
        >>> model.predict([[0.1, 0.0], [0.9, 1.0]])
        array([0, 1])
    """

    def __init__(
        self,
        algorithm: str = "auto",
        *,
        model: Any = "auto",
        steps: int | None = None,
        minutes: float | None = None,
        gate: bool | str = True,
        judge: str = "auto",
        single: bool = False,
        encoder: str | None = None,
        tune: str | None = None,
        augment: str = "auto",
        class_weight: str | dict[Any, float] | None = None,
        unlabeled_marker: Any = None,
        class_value: Any = None,
        categorical: str | Sequence[str] | None = None,
        numeric: str | Sequence[str] | None = None,
        fields: dict[str, Any] | None = None,
        device: str = "auto",
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.algorithm = algorithm
        self.model = model
        self.steps = steps
        self.minutes = minutes
        self.gate = gate
        self.judge = judge
        self.single = single
        self.encoder = encoder
        self.tune = tune
        self.augment = augment
        self.class_weight = class_weight
        self.unlabeled_marker = unlabeled_marker
        self.class_value = class_value
        self.categorical = categorical
        self.numeric = numeric
        self.fields = fields
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    @faces.python_words
    def fit(self, X: Any, y: Any, groups: Any = None, weak_labels: Any = None) -> Self:
        """Train, compare, and keep the better model.

        Args:
            X: (N, D) features, or a data frame of numbers, categories, booleans and dates, with
                blanks or NaN where unknown; or images, (N, H, W), (N, H, W, C) or (N, C, H, W)
                with 1 or 3 channels, uint8 in 0..255 or floats in [0, 1]; or N of Pillow's
                images, or uint8 arrays, of any sizes; or the paths of N image files; or N texts.
                These may be a list, or a column of a data frame.
            y: (N,) whole numbers or strings; -1, "", None or NaN where unlabeled. What may be a
                class or mean "no label" is refused until `unlabeled_marker` or `class_value` says
                which, such as -1 beside 1 alone.
            groups: (N,) numbers or names of what rows belong together (one patient, one video):
                none of them is held out while another trains. Equal rows are kept together anyway.
            weak_labels: (N,) labels of unknown quality (docs/text.md), None where there is none.

        Raises:
            ValueError: inputs or labels nothing can be learned from, or parameters that do not
                fit (`DataError` and `UsageError` are ValueErrors).
            ArithmeticError: when a loss becomes NaN or infinite.
        """
        inputs, further = self._read(X)
        if y is None:
            raise DataError("fit requires y to be passed, but the target y is None.")
        marks = Marks.of(self.unlabeled_marker, self.class_value)
        values, known = divide(y, marks)
        check_consistent_length(inputs, known)
        self.classes_, places = np.unique(values, return_inverse=True)
        label = np.full(len(inputs), UNLABELED)
        label[known] = places
        names = [class_name(value) for value in self.classes_.tolist()]
        dataset = with_worth(from_arrays(inputs, label, names, groups, weak_labels=weak_labels))
        told = read(y, marks)[1].notes(quiet=EXPECTED) + further.pop("notes", ())
        dataset = replace(dataset, notes=told + dataset.notes, **further)
        listener = Listener(int(self.verbose))
        dataset, config = seen(dataset, faces.config_of(self), listener)
        phases = Phases(dataset, config, None, listener)
        outcome = Experiment(phases).run()
        self.classifier_, self.history_ = outcome.classifier, listener.history
        self.result_ = faces.result_of(outcome, phases, np.flatnonzero(~known))
        faces.warn(phases.notes)
        if not known.all():
            probs = pool_proba(self.classifier_, dataset, np.flatnonzero(~known))
            label[~known] = probs.argmax(1)
        self.transduction_ = self.classes_[label]
        return self

    @faces.python_words
    def predict_proba(self, X: Any) -> np.ndarray:
        """(N, K) float32 probabilities, in the order of `classes_`, of inputs as in `fit`.

        Raises:
            NotFittedError: before `fit`.
            ValueError: inputs of another shape than in `fit`, or infinite ones; NaN is filled.
        """
        check_is_fitted(self)
        return proba(self, X)

    def predict(self, X: Any) -> np.ndarray:
        """(N,) most probable class of each row. Raises as `predict_proba`."""
        place = self.predict_proba(X).argmax(1)
        label: np.ndarray = self.classes_[place]
        return label

    @faces.python_words
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """See `labeled_score`. Raises ValueError where no row has a label."""
        return faces.labeled_score(self, X, y, sample_weight)

    def _read(self, X: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """`X` as a `Dataset` holds it, and what else this keeps of where the rows came from."""
        X = rows_of(X)
        self.encoding_, files = None, given_files(X)
        if files is not None:
            faces.forget_features(self)
            pictures = pictures_of(files)._asdict()
            return pictures.pop("inputs"), pictures
        held = given_pictures(X)
        if held is not None:
            faces.forget_features(self)
            return held, {}
        texts = given_texts(X)
        if texts is not None:
            faces.forget_features(self)
            return texts.texts, {"columns": texts.columns}
        self.encoding_, notes = encoding_of(X, self.categorical, self.numeric)
        columns = encoded_columns(self.encoding_)
        return array_rows(self, X, reset=True), {"notes": notes, **columns}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = tags.input_tags.allow_nan = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """The network as safetensors and JSON: a pickle of it runs no code of torch."""
        state = dict(super().__getstate__())
        if "classifier_" in state:
            state["classifier_"] = faces.packed(state["classifier_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        faces.network_name(state.get("model"))
        if "classifier_" in state:
            state["classifier_"] = faces.unpacked(*state["classifier_"])
        super().__setstate__(state)

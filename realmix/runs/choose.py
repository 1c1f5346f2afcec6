"""Which methods a run compares, by a rule that docs/choosing.md explains, and their settings."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from realmix.base.errors import UsageError
from realmix.base.wording import enumerated, suggestion
from realmix.contract.algorithm import Objective
from realmix.contract.fields import field_types, validated
from realmix.contract.method import Facts, Method, Recipe
from realmix.evaluate.gate import SUPERVISED
from realmix.procedures.rows.shared import Fitted
from realmix.procedures.taught.taught import Taught
from realmix.runs.methods import method_class
from realmix.runs.prepared import ENCODED

AUTO, TUNED = "auto", "tuned"
CALM = "its weights by confidence leave an encoder calm, mixmatch's large one can undo it"
LEARNED = "what the vote says of the pool, the encoder can learn, and go on alone"
TAUGHT = ("consensus", "taught")
"""What it tries where the encoder itself is tuned."""
LINEAR = "linear"
COMMITTEE = "committee"
TREES = ("forest", "boosting")
MANY = 500  # labels from which one model may be seen to be ahead of several together
QUICK = ("label_spreading", "balanced_self_training", "gaussian_mixture")
"""What auto tries on feature rows: they take milliseconds."""
RUNGS = ("balanced_self_training", "gaussian_mixture", "prototypes", "consensus")
"""What it tries on the features of an encoder, in seconds. The last has the others vote."""
BEYOND = (
    "Not tried, as it takes longer: a head trained on views (--algorithm taught --views 8, which"
    " needs seven times the encoder's work on top)."
)
LONG = 50_000  # optimizer steps from which published long runs are the better guide
FEW = 10  # labels of a class, up to which one threshold for all classes starves some


class Contenders(NamedTuple):
    """What a run trains and compares.

    Attributes:
        alone: methods that learn from the labels alone; the best by cross-validation stands for
            them.
        candidates: methods that use the pool, likewise; none where there is no pool to use.
        asked: the method whose recipe is everybody's, and whose fields `--set` changes.
        why: of a choice that was made here.
        favorite: the candidate that is taken where none is clearly better; see
            `ranking.preferred`.
        beyond: rungs that were not tried, a sentence each.
        trusted: of the labels alone, as the favorite is of the candidates.
    """

    alone: tuple[str, ...]
    candidates: tuple[str, ...]
    asked: str
    why: str = ""
    favorite: str = ""
    beyond: tuple[str, ...] = ()
    trusted: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.alone, *self.candidates)

    @property
    def chosen(self) -> str:
        """What was chosen here and why, as a sentence; "" where somebody else chose."""
        names = enumerated(self.candidates or self.alone[:1])
        return f"--algorithm auto takes {names}: {self.why}." if self.why else ""

    @property
    def first(self) -> Contenders:
        """The one that is trained where nothing is compared."""
        if self.candidates:
            return self._replace(alone=(), candidates=self.candidates[:1])
        return self._replace(alone=self.alone[:1])


def contenders(name: str, model: str, facts: Facts, steps: int) -> Contenders:
    """What to compare for the method that was asked for.

    Args:
        name: of the method, or auto.
        model: of the network; auto leaves feature rows a linear model too, tuned is an encoder.
        facts: kind of data, labels, pool.
        steps: optimizer steps of a training.
    """
    if name in (SUPERVISED, LINEAR, COMMITTEE, *TREES):
        return Contenders((name,), (), name)
    alone = _labels_alone(name, model, facts)
    if name == AUTO and model == TUNED and facts.num_unlabeled:
        found = _tuned(alone, facts)
    elif name == AUTO:
        found = _chosen(alone, facts, steps)
    else:
        useful = facts.num_unlabeled or method_class(name).pool_optional
        found = Contenders(alone, (name,) if useful else (), name)
    if COMMITTEE in alone:
        return found._replace(trusted=COMMITTEE)
    # where held-out luck preferred the network on features it was mostly the worse one on test
    # rows: in all 17 of 78 runs, one of two others (benchmarks/records/ladder/NOTES.md)
    return found._replace(trusted=LINEAR) if alone == (LINEAR, SUPERVISED) else found


def _labels_alone(name: str, model: str, facts: Facts) -> tuple[str, ...]:
    """What learns from the labels alone: of columns trees too, which features are too wide for.

    The MLP takes as long as all else together, so few labels have it only where a method is asked
    for that may train one.
    """
    if facts.is_images or model != AUTO:
        return (SUPERVISED,)
    if facts.preset == ENCODED:
        return LINEAR, SUPERVISED
    many = facts.num_labeled >= MANY
    mlp = (SUPERVISED,) if many or name != AUTO else ()
    return COMMITTEE, LINEAR, *mlp, *(TREES if many else ())


def _tuned(alone: tuple[str, ...], facts: Facts) -> Contenders:
    """The rungs of an encoder that is trained too; the lowest take what it was as it is."""
    if not facts.has_features:
        return Contenders(alone, ("softmatch",), "softmatch", CALM)
    return Contenders((LINEAR, *alone), TAUGHT, TAUGHT[-1], LEARNED, TAUGHT[0])


def _chosen(alone: tuple[str, ...], facts: Facts, steps: int) -> Contenders:
    if facts.num_unlabeled == 0:
        return Contenders(alone, (), SUPERVISED, "there is no unlabeled data")
    if not facts.is_images:
        more = ("weak_labels",) * bool(facts.num_weak)
        if facts.preset == ENCODED:
            why = "on an encoder's features they have helped, and take seconds"
            return Contenders(alone, (*RUNGS, *more), SUPERVISED, why, RUNGS[-1], (BEYOND,))
        why = "on feature rows they have helped, and take milliseconds"
        return Contenders(alone, (*QUICK, *more), SUPERVISED, why)
    if steps < LONG:
        why = f"trainings of under {LONG:,} steps are too short for confidence thresholds"
        return Contenders(alone, ("mixmatch",), "mixmatch", why)
    if facts.num_labeled <= FEW * facts.num_classes:
        why = "with few labels a class, each class needs a threshold of its own"
        return Contenders(alone, ("flexmatch",), "flexmatch", why)
    why = "long trainings reward confident labels of strongly augmented images"
    return Contenders(alone, ("fixmatch",), "fixmatch", why)


def wants_features(name: str) -> bool:
    """Whether a method asks for what an encoder made of its inputs before it was tuned."""
    return name == AUTO or issubclass(method_class(name), Fitted | Taught)


def default_steps(shape: tuple[int, ...]) -> int:
    """Steps of a training that names none: few for feature rows and tiny images.

    Token numbers, (1, L), are those of an encoder that is tuned.
    """
    if len(shape) == 2:
        return 1000
    return 250 if len(shape) == 1 or min(shape[1:]) < 16 else 4000


def settings(cls: type[Method], given: dict[str, Any]) -> tuple[dict[str, Any], Recipe]:
    """Divide what the user set into fields of the algorithm and its recipe, checked.

    Raises:
        UsageError: for a name that is neither, with the nearest one that is, or a bad value.
    """
    own, around = field_types(cls), field_types(Recipe)
    for name in [name for name in given if name not in own and name not in around]:
        known = [*own, *around]
        raise UsageError(
            f"--set {name}: neither {cls.__name__} nor its recipe has that field."
            f"{suggestion(name, known)} Fields: {', '.join(known)}."
        )
    fields = cls(**{name: given[name] for name in given.keys() & own.keys()}).fields()
    changes = {name: given[name] for name in given.keys() & around.keys()}
    recipe = dataclasses.replace(cls.recipe, **validated(Recipe, changes))
    if recipe.pool_gradient == "agreeing" and not issubclass(cls, Objective):
        raise UsageError(
            f"--set pool_gradient=agreeing: {cls.__name__} is no single loss whose terms could"
            " disagree. Leave it out, or take another --algorithm, such as fixmatch."
        )
    return fields, recipe

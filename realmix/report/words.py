"""A verdict in sentences, for someone who never heard of a p-value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realmix.evaluate.gate import ALONE, CANDIDATE, PAIR, STUDENT, Verdict
from realmix.evaluate.judges import JUDGES
from realmix.evaluate.posterior import PRIOR_DEVIATION, PRIOR_MEAN

SHIPS = {
    ALONE: "you get the model trained on the labels alone",
    CANDIDATE: "you get the {algorithm} model",
    PAIR: "you get both models together",
    STUDENT: "you get one model that learned from both",
}
OUTCOMES = {
    "proved": "The unlabeled data helped",
    "likely": "The unlabeled data likely helped",
    "unknown": "It cannot be told yet whether the unlabeled data helped",
    "unlikely": "The unlabeled data more likely hurt than helped",
    "worse": "The unlabeled data made the model worse",
    "collapsed": "The model with the unlabeled data collapsed",
}
UNHEARD = "The unlabeled data had no say"
NEITHER = "Held-out labels show nothing learned, with the unlabeled data or without"

COLLAPSES = {
    "unheard": (
        "Nothing of the pool was ever used: no row of it counted in a single step. More steps, a"
        " lower threshold, or another algorithm may change that."
    ),
    "constant": "It is no better than an answer that looks at no input.",
    "neither": "Neither it nor the labels alone is better than an answer that looks at no input.",
    "one class": "It calls every row, or all but a few, the same class.",
    "drifted": "It names some classes of the pool far too often.",
}


TOGETHER = {PAIR: "both together", STUDENT: "one that learned from both"}


def headline(result: dict[str, Any]) -> str:
    """The verdict in one sentence, from result.json."""
    if result["outcome"] == "alone":
        return "This model was trained on the labels alone."
    ships = SHIPS[result["shipped"]].format(algorithm=result["algorithm"])
    if count := result.get("decided_by_answers", {}).get("answers"):
        return f"{count} answers of yours decided it: {ships}."
    if words := {"unheard": UNHEARD, "neither": NEITHER}.get(result.get("collapse", "")):
        return f"{words}: {ships}."
    if not result.get("gated", True):
        return f"This {result['algorithm']} model was not compared with training on labels alone."
    return f"{OUTCOMES[result['outcome']]}: {ships}."


def reason(verdict: Verdict) -> str:
    """Why, in some sentences with the figures."""
    if verdict.outcome == "alone":
        score = ""
        if verdict.held_out:
            score = f" It is right on {verdict.baseline.accuracy:.1%} of {_labels(verdict)}."
        return f"The model was trained on the labels alone, so nothing was compared.{score}"
    if verdict.outcome == "collapsed" and not verdict.held_out:
        return f"{verdict.algorithm}: {COLLAPSES[verdict.collapse]}"
    if not verdict.held_out:
        chance = f"{verdict.posterior.better:.0%}"
        words = (
            f"No label could be held out to compare {verdict.algorithm} with the labels alone."
            f" Before any comparison the chance that a pool helps is taken to be {chance}."
        )
        return f"{words} {_together(verdict)}".strip()
    parts = [_scores(verdict), _sure(verdict), _together(verdict)]
    return " ".join(part for part in parts if part)


def decided(result: Mapping[str, Any]) -> str:
    """Why, where answers settled it: what they said, from result.json."""
    found, algorithm = result["decided_by_answers"], result["algorithm"]
    if not found["answers"]:
        return "The two models say the same of every row of the pool, so nothing is to be decided."
    gain, low, high = (100 * end for end in (found["gain"], *found["interval"]))
    return (
        f"Of {found['answers']:,} answers on pool rows of which the two models say different"
        f" things, {algorithm} is right in {found['right_candidate']:,}, the labels alone in"
        f" {found['right_baseline']:,}: {gain:+.1f} points of accuracy on the pool"
        f" ({low:+.1f} to {high:+.1f}, 95%)."
    )


def _labels(verdict: Verdict) -> str:
    return f"{verdict.held_out:,} held-out label{'' if verdict.held_out == 1 else 's'}"


def _scores(verdict: Verdict) -> str:
    """What was seen on the held-out labels."""
    base, other = verdict.baseline, verdict.candidate
    if verdict.judge.name == "accuracy":
        return (
            f"On {_labels(verdict)} {verdict.algorithm} is right {other.accuracy:.1%} of the time,"
            f" the labels alone {base.accuracy:.1%}."
        )
    return (
        f"On {_labels(verdict)} {verdict.algorithm} lies {verdict.lead:+.1f} points from the labels"
        f" alone in {verdict.judge.words} (balanced accuracy {other.balanced:.1%} against"
        f" {base.balanced:.1%})."
    )


def _sure(verdict: Verdict) -> str:
    """How far that can be believed."""
    assert verdict.seen is not None
    if verdict.outcome in ("proved", "worse"):
        p_value = verdict.seen.p_better if verdict.outcome == "proved" else verdict.seen.p_worse
        luck = "less than 0.1%" if p_value < 0.001 else f"{p_value:.1%}"
        return f"Luck alone gives a difference this large in {luck} of such comparisons."
    if verdict.outcome == "collapsed":
        return COLLAPSES[verdict.collapse]
    posterior, shares = verdict.posterior, verdict.judge.name == "accuracy"
    return (
        ("By how sure both are of the right answers, the" if shares else "The")
        + " chance that the pool helped is"
        f" {posterior.better:.0%}, that it cost more than a point {posterior.harm:.0%},"
        f" if pools bring {PRIOR_MEAN:g} ± {PRIOR_DEVIATION:g} points."
    )


def _together(verdict: Verdict) -> str:
    """How the two answer together, and what would settle it."""
    needed = verdict.labels_needed
    more = f" About {rounded_up(needed):,} held-out labels would prove it." if needed else ""
    if verdict.shipped not in (PAIR, STUDENT):
        return more.strip()
    student = ", and one model learned what they say of the pool" * (verdict.shipped == STUDENT)
    doubtful = ", which where the pool more likely hurt has cost nothing in the mean of many runs"
    return (
        f"Both are calibrated and answer together, {verdict.algorithm} with weight"
        f" {verdict.pairing.weight:.0%}{student}"
        f"{doubtful if verdict.posterior.better < 0.5 else ''}.{more}"
    )


def rounded_up(count: int) -> int:
    """`count` with two leading digits, as befits an estimate.

    >>> rounded_up(813)
    820
    """
    unit: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // unit) * unit


def gained(judge: str, shown: str) -> str:
    """What `points` are of, beside a figure that is shown.

    >>> gained("macro_f1", "balanced accuracy"), gained("accuracy", "accuracy")
    ('points of macro-F1 over the labels alone', 'points over the labels alone')
    """
    words = JUDGES[judge].words
    return f"points {'' if words == shown else f'of {words} '}over the labels alone"


def points(attempt: Mapping[str, Any]) -> str:
    """What a method gained over the labels alone; runs of older versions do not say."""
    if attempt.get("gain") is None:
        return ""
    low, high = attempt["gain_interval"]
    return f"{attempt['gain']:+.1f} ({low:+.1f} to {high:+.1f})"

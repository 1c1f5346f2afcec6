"""What tools for annotating write, as rows with a label: exports of Label Studio and of Prodigy.

Those of doccano are read as they are: its labels are lists, of which most hold one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LABEL = "label"
Objects = Sequence[Mapping[str, Any]]
Rows = list[tuple[int, dict[str, Any]]]
"""Of each row the place of the object that it comes from, and its cells."""

_TASK = {"id", "data", "meta", "predictions"}
_OF_PRODIGY = ("_input_hash", "_task_hash")
_ITS_OWN = {"label", "accept", "answer", "options", "config", "spans", "tokens"}


def annotated(objects: Objects) -> tuple[Rows, tuple[str, ...]]:
    """Rows of objects, and notes; what no such tool has written is left as it is."""
    if all(_is_task(one) for one in objects):
        return _tasks(objects)
    if all(any(isinstance(one.get(key), int) for key in _OF_PRODIGY) for one in objects):
        return _examples(objects)
    return [(place, dict(one)) for place, one in enumerate(objects)], ()


def _is_task(one: Mapping[str, Any]) -> bool:
    """Whether it is a task of Label Studio, with annotations or, in a pool, without."""
    known = isinstance(_annotations(one), list) or set(one) <= _TASK
    return isinstance(one.get("data"), dict) and known


def _annotations(one: Mapping[str, Any]) -> Any:
    return one.get("annotations", one.get("completions"))  # the second until version 1.0


def _tasks(objects: Objects) -> tuple[Rows, tuple[str, ...]]:
    """A row a task: its data, and what was chosen in each control, by the control's name."""
    results = [list(_results(_listed(_annotations(one)))) for one in objects]
    chosen = [_chosen(of) for of in results]
    controls = list(dict.fromkeys(name for votes in chosen for name in votes))
    alone = len(controls) == 1 and not any(LABEL in one["data"] for one in objects)
    column = {name: LABEL if alone else name for name in controls}
    rows = [
        (place, {**one["data"], **{column[name]: _winner(votes) for name, votes in of.items()}})
        for place, (one, of) in enumerate(zip(objects, chosen, strict=True))
    ]
    open_ = sum(_winner(votes) is None for of in chosen for votes in of.values())
    read = [f"An export of Label Studio: what was chosen in '{c}' is the label." for c in controls]
    kinds = {str(one.get("type")) for of in results for one in of if not _choices(one)}
    other = f"Results of Label Studio without choices are passed over: {', '.join(sorted(kinds))}."
    return rows, (*read * alone, *(other,) * bool(kinds), *_disagree(open_))


def _results(annotations: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """What annotations say that were not cancelled."""
    for annotation in annotations:
        if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            results = annotation.get("result")
            yield from (one for one in _listed(results) if isinstance(one, dict))


def _choices(result: Mapping[str, Any]) -> list[Any]:
    value = result.get("value")
    return _listed(value.get("choices")) if isinstance(value, dict) else []


def _listed(found: Any) -> list[Any]:
    """What should be a list, which files of other origin need not have."""
    return found if isinstance(found, list) else []


def _chosen(results: Sequence[Mapping[str, Any]]) -> dict[str, Counter[tuple[str, ...]]]:
    """What was chosen in each control, and how often."""
    votes: dict[str, Counter[tuple[str, ...]]] = {}
    for result in results:
        if choices := _choices(result):
            name = str(result.get("from_name", LABEL))
            votes.setdefault(name, Counter())[tuple(map(str, choices))] += 1
    return votes


def _winner(votes: Counter[tuple[str, ...]]) -> list[str] | None:
    """What most chose; None where there is no such choice."""
    first, *others = votes.most_common(2)
    return None if others and others[0][1] == first[1] else list(first[0])


def _examples(objects: Objects) -> tuple[Rows, tuple[str, ...]]:
    """A row an input: what was accepted for it is its label; what was not accepted says none."""
    by_input: dict[Any, list[int]] = {}
    for place, one in enumerate(objects):
        known = one.get("_input_hash")
        by_input.setdefault(known if isinstance(known, int) else ("", place), []).append(place)
    rows, open_ = Rows(), 0
    for places in by_input.values():
        votes = Counter(
            label for place in places if (label := _accepted(objects[place])) is not None
        )
        winner = _winner(votes) if votes else None
        open_ += bool(votes) and winner is None
        kept = {k: v for k, v in objects[places[0]].items() if k[:1] != "_" and k not in _ITS_OWN}
        rows.append((places[0], {**kept, LABEL: winner}))
    answers = Counter(str(one["answer"]) for one in objects if "answer" in one)
    refused = ", ".join(f"{n:,} {name}" for name, n in answers.items() if name != "accept")
    read = "An export of Prodigy: what was accepted is the label"
    said = f"{read}; other answers give none ({refused})." if refused else f"{read}."
    return rows, (said, *_disagree(open_))


def _accepted(one: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The label that was accepted; several where several were chosen."""
    if one.get("answer", "accept") != "accept":
        return None
    chosen = one.get("accept", one.get("label"))
    several = chosen if isinstance(chosen, list) else [chosen]
    return tuple(str(name) for name in several if name is not None) or None


def _disagree(count: int) -> tuple[str, ...]:
    rows = "One row has" if count == 1 else f"{count:,} rows have"
    said = f"{rows} no label, as annotations differ and none was chosen more often than others."
    return (said,) * bool(count)

"""The generated part of docs/algorithms: fields, recipe and results of each method, and the list.

python -m benchmarks.pages
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from benchmarks.accuracy import TASKS, current_lines
from benchmarks.records import by_seed, gain, interval, spread
from realmix.base.files import write_atomically
from realmix.command.catalogue import GENERATED, field_rows, paper
from realmix.runs.methods import METHODS

PAGES = Path(__file__).parents[1] / "docs" / "algorithms"


def generated(name: str) -> str:
    """What stands below the mark in the page of a method."""
    cls = METHODS[name]
    rows = [f"{cls.idea[0].upper()}{cls.idea[1:]}. Needs: {cls.needs}. Cost: {cls.cost:.1f}."]
    if dataclasses.fields(cls):
        rows += ["", "| field | default | takes | |", "|---|---|---|---|"]
        rows += [f"| `{a}` | {b} | {c} | {d} |" for a, b, c, d in field_rows(cls)]
    recipe = ", ".join(f"`{k}` {v}" for k, v in dataclasses.asdict(cls.recipe).items())
    return "\n".join([*rows, "", f"Recipe: {recipe}.", "", *results(name), ""])


def results(name: str) -> list[str]:
    """Test accuracy on every record that has this method, as a table."""
    rows = []
    for task in TASKS:
        lines = current_lines(task)
        for labels in TASKS[task].labels:
            found = by_seed(lines, labels=labels, algorithm=name)
            base = by_seed(lines, labels=labels, algorithm="supervised")
            if found and base:
                change = gain(found, base) if name != "supervised" else None
                row = (task, labels, len(found), spread(found), spread(base), interval(change))
                rows.append(f"| {' | '.join(map(str, row))} |")
    if not rows:
        return ["There is no record of it yet."]
    return [
        "| data | labels | seeds | accuracy | labels alone | difference, 95 % interval |",
        "|---|---:|---:|---:|---:|---:|",
        *rows,
        "",
        "The records with commands and versions are in `benchmarks/records`.",
    ]


def index() -> str:
    """The list of all methods."""
    rows = [
        "# Algorithms",
        "",
        "| algorithm | paper | idea | needs | cost |",
        "|---|---|---|---|---:|",
    ]
    for name, cls in METHODS.items():
        rows.append(
            f"| [{name}]({name}.md) | {paper(cls)} | {cls.idea} | {cls.needs} | {cls.cost:.1f} |"
        )
    note = "Cost: arithmetic of a training with the paper's batches, relative to the labels alone."
    return "\n".join([*rows, "", note, ""])


def main() -> None:
    for name in METHODS:
        path = PAGES / f"{name}.md"
        written = path.read_text(encoding="utf-8").partition(GENERATED)[0].rstrip()
        write_atomically(path, f"{written}\n\n{GENERATED}\n\n{generated(name)}")
    write_atomically(PAGES / "README.md", index())


if __name__ == "__main__":
    main()

"""Exports of tools for annotating: which label a row has, and what is said of it."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realmix.base.errors import DataError, UsageError
from realmix.data.cells.read import read_cells
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from tests.data.reading.pictures import different, save


def write(path: Path, objects: list[Any]) -> str:
    whole = path.suffix == ".json"
    text = json.dumps(objects, indent=1) if whole else "\n".join(map(json.dumps, objects))
    path.write_text(text)
    return str(path)


def labels_of(dataset: Dataset) -> list[str | None]:
    return [None if place < 0 else dataset.classes[place] for place in dataset.label]


def task(number: int, *chosen: list[str], control: str = "kind", **more: Any) -> dict[str, Any]:
    """A task of Label Studio, as its JSON export has it."""
    annotations = [
        {
            "id": number,
            "was_cancelled": False,
            "result": [{"type": "choices", "from_name": control, "value": {"choices": names}}],
        }
        for names in chosen
    ]
    data = {"text": f"words of number {number}"}
    return {"id": number, "annotations": annotations, "data": data, "predictions": [], **more}


def test_label_studio(tmp_path: Path) -> None:
    given = [task(i, ["ab"[i % 2]]) for i in range(6)] + [task(i) for i in range(6, 9)]
    data = load(write(tmp_path / "export.json", given))
    assert data.inputs.tolist() == [f"words of number {i}" for i in range(9)]
    assert labels_of(data) == ["a", "b"] * 3 + [None] * 3
    assert data.names is not None
    assert data.names[4].endswith("export.json:5")
    assert any("Label Studio: what was chosen in 'kind' is the label." in n for n in data.notes)


@pytest.mark.parametrize(
    ("served", "folder"),
    [
        ("/data/local-files/?d=photos/p%20{}.png", "photos/p {}.png"),
        ("/data/upload/3/p%20{}.png", "upload/3/p {}.png"),
        ("photos/p%20{}.png", "photos/p%20{}.png"),
    ],
)
def test_pictures_are_found_behind_their_addresses(
    tmp_path: Path, served: str, folder: str
) -> None:
    for i in range(4):
        save(tmp_path / folder.format(i), different(i))
    given = [task(i, ["ab"[i % 2]], data={"image": served.format(i)}) for i in range(4)]
    data = load(write(tmp_path / "export.json", given))
    assert data.is_images
    assert labels_of(data) == ["a", "b"] * 2
    (tmp_path / folder.format(0)).unlink()
    with pytest.raises(DataError, match=re.escape(folder.format(0))):
        load(write(tmp_path / "export.json", given))


def test_addresses_of_the_web_are_not_fetched(tmp_path: Path) -> None:
    address = "https://example.org/p.png"
    given = [task(i, ["ab"[i % 2]], data={"image": address}) for i in range(4)]
    with pytest.raises(DataError, match=r"addresses of images, such as 'https://example.org/p.png"):
        load(write(tmp_path / "export.json", given))


def test_most_annotators_decide(tmp_path: Path) -> None:
    given = [
        task(0, ["a"], ["b"], ["a"]),
        task(1, ["a"], ["b"]),
        task(2, ["b"]),
        task(3, ["b"]) | {"annotations": [{"was_cancelled": True, **task(3, ["b"])}]},
    ]
    given[3]["annotations"] = [{**task(3, ["b"])["annotations"][0], "was_cancelled": True}]
    data = load(write(tmp_path / "export.json", given))
    assert labels_of(data) == ["a", None, "b", None]
    assert any("One row has no label, as annotations differ" in note for note in data.notes)


def test_other_results_are_passed_over(tmp_path: Path) -> None:
    box = {"type": "rectanglelabels", "from_name": "box", "value": {"rectanglelabels": ["x"]}}
    given = [task(i, ["ab"[i % 2]]) for i in range(4)]
    given[0]["annotations"][0]["result"] += [box, {"type": "relation"}]
    data = load(write(tmp_path / "export.json", given))
    assert labels_of(data) == ["a", "b"] * 2
    told = "without choices are passed over: rectanglelabels, relation."
    assert any(told in note for note in data.notes)
    for one in given:
        one["annotations"][0]["result"] = [box]
    with pytest.raises(UsageError, match=r"no label column .* passed over: rectanglelabels\."):
        load(write(tmp_path / "export.json", given))


def test_of_several_controls_the_label_is_asked_for(tmp_path: Path) -> None:
    given = [task(i, ["ab"[i % 2]]) for i in range(4)]
    for i, one in enumerate(given):
        one["annotations"] += task(i, ["pq"[i // 2]], control="tone")["annotations"]
    file = write(tmp_path / "export.json", given)
    with pytest.raises(UsageError, match=r"its columns are text, kind, tone.*--label-column"):
        load(file)
    assert labels_of(load(file, label_column="tone")) == ["p", "p", "q", "q"]


def test_the_name_of_a_control_stays_where_the_data_have_a_label(tmp_path: Path) -> None:
    given = [task(i, ["ab"[i % 2]]) for i in range(4)]
    given[1]["data"]["label"] = "of the data"
    table = read_cells(Path(write(tmp_path / "export.json", given)))
    assert list(table.cells) == ["text", "kind", "label"]


def test_two_choices_for_one_row_are_named(tmp_path: Path) -> None:
    given = [task(0, ["a"]), task(1, ["a", "b"]), task(2, ["b"])]
    with pytest.raises(DataError, match=r"row 2: 'label' holds several values \('a', 'b'\)"):
        load(write(tmp_path / "export.json", given))


@pytest.mark.parametrize("export", [True, False])
def test_tasks_without_annotations_are_a_pool(tmp_path: Path, export: bool) -> None:
    main = write(tmp_path / "export.json", [task(i, ["ab"[i % 2]]) for i in range(4)])
    tasks = [task(i) for i in range(4, 7)]
    bare = tasks if export else [{"id": one["id"], "data": one["data"]} for one in tasks]
    data = load(main, unlabeled=write(tmp_path / "tasks.json", bare))
    assert labels_of(data) == ["a", "b"] * 2 + [None] * 3


def test_objects_that_are_called_data_are_no_tasks(tmp_path: Path) -> None:
    rows = [{"data": {"text": "some words"}, "label": "a", "by": 1}]
    assert list(read_cells(Path(write(tmp_path / "t.jsonl", rows))).cells) == [
        *("data.text", "label", "by")
    ]


def test_doccano(tmp_path: Path) -> None:
    texts = [f"words of {i}" for i in range(6)]
    given = [
        {"id": i, "text": text, "label": ["ab"[i % 2]] if i < 4 else [], "Comments": []}
        for i, text in enumerate(texts)
    ]
    data = load(write(tmp_path / "all.jsonl", given))
    assert data.inputs.tolist() == texts
    assert labels_of(data) == ["a", "b"] * 2 + [None] * 2
    given[3]["label"] = ["a", "b"]
    with pytest.raises(DataError, match=r"line 4: 'label' holds several.* row of the pool"):
        load(write(tmp_path / "all.jsonl", given))


def example(number: int, label: str | None, answer: str = "accept") -> dict[str, Any]:
    """An example of Prodigy, as `db-out` writes it."""
    said = {} if label is None else {"label": label, "answer": answer}
    hashes = {"_input_hash": number, "_task_hash": hash((number, label))}
    return {"text": f"words of number {number}", "meta": {"source": "s"}, **hashes, **said}


def test_prodigy(tmp_path: Path) -> None:
    given = [
        example(0, "a"),
        example(1, "a", "reject"),
        example(1, "b"),
        example(2, "b", "ignore"),
        example(3, None),
        example(4, "b"),
    ]
    data = load(write(tmp_path / "out.jsonl", given))
    assert data.inputs.tolist() == [f"words of number {i}" for i in range(5)]
    assert labels_of(data) == ["a", "b", None, None, "b"]
    assert data.names is not None
    assert [name.rsplit(":", 1)[1] for name in data.names] == ["1", "2", "4", "5", "6"]
    assert any("other answers give none (1 reject, 1 ignore)" in note for note in data.notes)


def test_choices_of_prodigy(tmp_path: Path) -> None:
    options = [{"id": name, "text": name.upper()} for name in "ab"]
    given = [
        {**example(i, None), "options": options, "accept": ["ab"[i % 2]], "answer": "accept"}
        for i in range(4)
    ]
    file = tmp_path / "out.jsonl"
    assert labels_of(load(write(file, given))) == ["a", "b"] * 2
    given[2]["accept"] = []
    assert labels_of(load(write(file, given))) == ["a", "b", None, "b"]
    given[2]["accept"] = ["a", "b"]
    with pytest.raises(DataError, match="line 3: 'label' holds several values"):
        load(write(file, given))


def test_answers_to_one_input_that_differ_give_no_label(tmp_path: Path) -> None:
    given = [example(0, "a"), example(1, "b"), example(2, "a"), example(2, "b")]
    data = load(write(tmp_path / "out.jsonl", given))
    assert labels_of(data) == ["a", "b", None]
    assert any("annotations differ" in note for note in data.notes)


KEYS = ("data", "annotations", "result", "value", "choices", "was_cancelled", "accept", "answer")
OTHERS = ("label", "_input_hash", "_task_hash", "columns", "index", "from_name", "x")
inside = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "accept", ""]),
    lambda some: (
        st.lists(some, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS + OTHERS), some, max_size=4)
    ),
    max_leaves=12,
)


@given(inside, st.sampled_from([".json", ".jsonl"]))
@settings(max_examples=300)
def test_any_json_is_read_or_explained(found: Any, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t{suffix}"
        path.write_text(json.dumps(found))
        try:
            table = read_cells(path)
        except DataError:
            return
    assert all(len(column) == len(table.places) for column in table.cells.values())

"""Every code block of README and docs runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import realmix.runs.methods
import realmix.runs.phases
from benchmarks import pages
from realmix.command.catalogue import GENERATED
from realmix.command.main import main
from realmix.runs.methods import METHODS

pytestmark = pytest.mark.usefixtures("brief", "forked_workers")

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


CONSOLE = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, text in enumerate(blocks(page, "console"))
]
PYTHON = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, text in enumerate(blocks(page, "python"))
]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of somebody who tries what is written, with little patience."""
    monkeypatch.chdir(tmp_path)
    for module in (realmix.runs.phases, realmix.runs.budget):
        monkeypatch.setattr(module, "default_steps", lambda shape: 3)
    monkeypatch.setattr(realmix.runs.methods, "METHODS", dict(realmix.runs.methods.METHODS))
    digits = load_digits()
    for number, (picture, label) in enumerate(zip(digits.images[:40], digits.target, strict=False)):
        folder = tmp_path / "photos" / ("unlabeled" if number >= 20 else f"digit-{label % 2}")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((picture * 15).astype(np.uint8)).save(folder / f"{number}.png")
    rows = ["length,width,species"]
    rows += [f"{i % 7},{i % 3},{'' if i > 12 else 'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "measurements.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "new.csv").write_text("length,width\n1,2\n3,1\n")
    rows = ["text,label"]
    kinds = ["the printer is broken", "please send my invoice again"]
    rows += [
        f"{kinds[i % 2]} {i},{['', 'printer', 'money'][i % 2 + 1] * (i < 12)}" for i in range(40)
    ]
    (tmp_path / "tickets.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "new-tickets.txt").write_text("my printer\nmy invoice\n")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("text", CONSOLE)
def test_the_commands_work(text: str, reader: Path) -> None:
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        elif words:
            assert words[0] == "realmix"
            assert main(words[1:]) in (0, None)


@pytest.mark.slow
@pytest.mark.parametrize("text", PYTHON)
def test_the_python_works(text: str, reader: Path) -> None:
    digits = load_digits()
    y = digits.target.copy()
    y[40:] = -1
    exec(
        compile(text, "block", "exec", dont_inherit=True),
        {"X": digits.data, "y": y, "X_new": digits.data[:3]},
    )


def test_every_linked_file_is_there() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("name", METHODS)
def test_the_tables_of_a_page_are_what_the_code_and_the_records_say(name: str) -> None:
    """`python -m benchmarks.pages` writes them."""
    text = (pages.PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert text.partition(f"{GENERATED}\n\n")[2] == pages.generated(name)
    assert text.startswith(f"# {name}\n")


def test_the_list_of_pages_is_whole() -> None:
    assert (pages.PAGES / "README.md").read_text(encoding="utf-8") == pages.index()

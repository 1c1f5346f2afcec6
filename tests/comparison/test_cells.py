"""Grids, names, commands, contenders."""

import json
import subprocess
import sys

import pytest

from realmix.base.errors import UsageError
from realmix.command.main import main
from realmix.command.parsing import parse
from realmix.comparison.cells import Cell, Grid, at_root, seeds_of, words_of
from realmix.comparison.contenders import Contender, built, estimator_class, takes_pool
from realmix.runs.config import Config


def test_a_grid_is_all_combinations_seed_after_seed():
    grid = Grid(
        {"data": "digits"},
        ("supervised", "mixmatch"),
        (20, 40),
        (0, 1),
        {"mismatch": ("0", "50"), "label-noise": ("0", "20")},
    )
    cells = list(grid)
    assert len(cells) == len(set(cells)) == 2 * 2 * 2 * 2 * 2
    assert [cell.seed for cell in cells] == [0] * 16 + [1] * 16
    assert [cell.algorithm for cell in cells[:2]] == ["supervised", "mixmatch"]
    assert cells[0].setting == cells[1].setting == (
        ("labels", "20"), ("mismatch", "0"), ("label-noise", "0"),
    )  # fmt: skip
    assert len({cell.name for cell in cells}) == len(cells)


def test_names_are_folders_and_differ_where_cells_do():
    odd = [Cell(name, 20, 0) for name in ("a.b:C:x=1", "a.b:C:x/1", "a.b:C-x=1", "x" * 300)]
    names = [cell.name for cell in odd]
    assert len(set(names)) == 4
    assert all("/" not in name and ":" not in name and len(name) < 160 for name in names)
    assert (
        Cell("mixmatch", 20, 3, (("mismatch", "50"),)).name
        == "mixmatch,labels=20,mismatch=50,seed=3"
    )


def test_a_cell_is_json_and_back():
    cell = Cell("auto", None, 3, (("mismatch", "50"),))
    assert Cell.from_json(json.loads(json.dumps(cell.to_json()))) == cell


def test_the_command_of_a_cell_gives_its_configuration():
    common = {"data": "digits", "steps": 30, "augment": "none", "skip_bad": True, "minutes": None}
    cell = Cell("mixmatch:weight=5:alpha=0.5", 20, 3, (("mismatch", "50"), ("blur", "20")))
    config = cell.config(common)
    assert config.scenario == ("mismatch=50", "blur=20")
    assert config.gate == "none"
    assert config.fields == {"weight": 5, "alpha": 0.5}
    words = cell.command(common).split()
    assert words[:2] == ["realmix", "fit"]
    assert parse(words[1:]).config() == config
    assert Cell("auto", 20, 3).config(common).gate == "balanced"


def test_the_command_of_an_estimator_is_a_comparison_of_one_cell():
    cell = Cell("sklearn:LogisticRegression:C=2", 20, 3, (("mismatch", "50"),))
    words = cell.command({"data": "digits", "test_share": 0.5}).split()
    command = parse(words[1:])
    from realmix.command.several.comparing import grid_of

    grid = grid_of(command)
    assert list(grid) == [cell]
    assert grid.common["test_share"] == 0.5


def test_words_give_every_kind_of_value_back():
    config = Config(
        "x.csv", unlabeled_marker=("?", "-"), fields={"copies": None, "extension": "simple"}
    )
    assert parse(["fit", *words_of(config)]).config() == config


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"algorithms": ()}, "one or more"),
        ({"labels": (20, 20)}, "each once"),
        ({"sweep": {"mismach": ("1",)}}, "Did you mean 'mismatch'"),
        ({"sweep": {"mismatch": ("x",)}}, "no number"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(change, said):
    whole = {"common": {"data": "digits"}, "algorithms": ("supervised",), **change}
    with pytest.raises(UsageError, match=said):
        Grid(**whole)


def test_seeds_are_a_number_a_range_or_a_list():
    assert seeds_of("2") == (0, 1)
    assert seeds_of("3-3") == (3,)
    assert seeds_of("1,") == (1,)
    with pytest.raises(UsageError, match="how many"):
        seeds_of("some")


def test_contenders_by_name():
    assert Contender.of("supervised").alone
    assert not Contender.of("mixmatch").alone
    assert not Contender.of("auto").alone
    assert Contender.of("sklearn:LogisticRegression").alone
    assert not Contender.of("sklearn:LabelSpreading").alone
    assert not Contender.of("sklearn:KNeighborsClassifier:pool=true").alone
    assert Contender.of("realmix:out_of_distribution=0.5").fields == {"out_of_distribution": 0.5}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("mixmach", "Did you mean 'mixmatch'"),
        ("mixmatch:weight", "behind the name come fields"),
        ("sklearn", "sklearn:CLASS"),
        ("no.such.module:Class", "cannot be imported"),
        ("no_such_file:Class", "cannot be imported"),
        ("sklearn:LogisticRegresion", "Did you mean 'LogisticRegression'"),
        ("json.decoder:JSONDecoder", "fit and predict"),
        ("sklearn:LogisticRegression:c=1", "has no c"),
    ],
)
def test_what_is_no_contender_is_refused_with_what_is(words, said):
    with pytest.raises(UsageError, match=said):
        built(Contender.of(words), 0)


def test_a_class_of_a_file_beside_it_is_a_contender(tmp_path, monkeypatch):
    (tmp_path / "my_own_file.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\n\n\nclass Own(GaussianNB):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert type(built(Contender.of("my_own_file:Own"), 0)).__name__ == "Own"


def test_estimators_get_a_base_and_the_seed():
    made = built(Contender.of("sklearn:SelfTrainingClassifier:threshold=0.9"), 7)
    assert made.threshold == 0.9
    assert type(made.estimator).__name__ == "LogisticRegression"
    assert built(Contender.of("sklearn:RandomForestClassifier"), 7).random_state == 7
    assert built(Contender.of("sklearn:LabelSpreading"), 0).kernel == "knn"
    assert built(Contender.of("sklearn:LabelSpreading:kernel=rbf"), 0).kernel == "rbf"
    own = Contender.of("sklearn.svm:SVC:C=3")
    assert built(own, 0).C == 3
    assert not takes_pool(estimator_class(own.name), own.fields)


def test_files_become_absolute_and_names_stay(tmp_path):
    for name in ("digits", "rows.csv", "foreign.csv"):
        (tmp_path / name).write_text("x")
    config = Config("rows.csv", unlabeled="digits", scenario=("foreign=40:foreign.csv", "blur=3"))
    found = at_root(config, tmp_path)
    assert found.data == str(tmp_path / "rows.csv")
    assert found.unlabeled == "digits"  # a built-in name comes before a file
    assert found.scenario == (f"foreign=40:{tmp_path / 'foreign.csv'}", "blur=3")


def test_options_are_read_without_torch():
    program = "import sys; import realmix.command.parsing; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_bad_options_end_with_a_sentence(capsys):
    assert main(["compare", "digits", "--algorithms", "mixmatch", "--labels", "few"]) == 2
    assert "whole numbers" in capsys.readouterr().err

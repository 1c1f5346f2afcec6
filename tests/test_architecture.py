"""The shape of the house: who may import whom, and what may not be there at all."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import realmix
from tests.mutations import MUTANTS

ROOT = Path(realmix.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

LAYERS = [  # each imports from its own line or lines above it, as docs/architecture.md has it
    "base",
    "functional",
    "contract",
    "data augment",
    "encoders",
    "models bank",
    "algorithms",
    "training",
    "procedures",
    "evaluate",
    "report",
    "runs",
    "comparison",
    "auditing",
    "estimators command",
    "__main__",
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer.split()}
LONGEST = 250  # lines of a module
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
FORBIDDEN_CALLS = {"eval", "exec", "torch.load", "yaml.load", "yaml.unsafe_load", "os.system"}
SYNCHRONIZING = {"item", "tolist", "cpu", "numpy"}


def name_of(path: Path) -> str:
    """Dotted, without "realmix"; a package's __init__ is the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in FILES}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports_of(path: Path) -> set[str]:
    """Our modules that a file imports, anywhere in it, but for annotations alone."""
    tree = tree_of(path)
    found: set[str] = set()
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {
                name if name.removeprefix("realmix.") in NAMES else node.module for name in whole
            }
    return {n.removeprefix("realmix.") for n in found if n.split(".")[0] == "realmix"} - {"realmix"}


def top(name: str) -> str:
    return name.split(".")[0]


@cache
def calls_of(path: Path) -> list[tuple[str, int]]:
    return [
        (ast.unparse(node.func), node.lineno)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if name])
def test_imports_point_down(name):
    for imported in imports_of(NAMES[name]):
        assert RANK[top(imported)] <= RANK[top(name)], f"{name} imports {imported}"


def test_the_page_shows_the_same_layers():
    page = (ROOT.parent / "docs" / "architecture.md").read_text()
    block = page.split("```text\n")[1].split("```")[0]
    rooms = [re.split(r" {2,}", line)[0] for line in block.splitlines()]
    shown = [room.rstrip("/") for room in rooms if room and "/" not in room.rstrip("/")]
    assert [*shown, "__main__"] == [room for layer in LAYERS for room in layer.split()]


def test_rooms_do_not_import_each_other_in_circles():
    edges = {
        (top(name), top(imported))
        for name, path in NAMES.items()
        if name
        for imported in imports_of(path)
        if top(imported) != top(name)
    }
    assert not [(a, b) for a, b in edges if (b, a) in edges]


@pytest.mark.parametrize("room", sorted({p.parent for p in FILES}), ids=lambda p: p.name)
def test_rooms_are_small(room):
    names = [path.stem for path in room.glob("*.py") if path.stem != "__init__"]
    assert len(names) <= (99 if room.name == "algorithms" else 14)


def test_every_module_has_a_layer():
    assert {top(name) for name in NAMES if name} == set(RANK)


def test_no_imports_go_in_circles():
    graph = {name: imports_of(path) - {name} for name, path in NAMES.items() if name}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name not in done:
            for imported in graph.get(name, ()):
                visit(imported, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_functional_imports_nothing_of_ours():
    for name, path in NAMES.items():
        if name.startswith("functional"):
            assert all(n.startswith("functional") for n in imports_of(path)), name


def test_no_algorithm_imports_another():
    for name, path in NAMES.items():
        if name.startswith("algorithms."):
            assert not [n for n in imports_of(path) if n.startswith("algorithms")], name


def test_no_procedure_imports_another():
    for name, path in NAMES.items():
        if name.startswith("procedures."):
            others = {n for n in imports_of(path) if n.startswith("procedures")}
            if name in ("procedures.rows.consensus", "procedures.rows.committee"):  # have members
                others = {n for n in others if not n.startswith("procedures.rows")}
            if name == "procedures.taught.taught":  # by a vote, as a noisy student
                others -= {"procedures.rows.consensus", "procedures.noisy_student"}
            assert others <= {"procedures.base", "procedures.rows.shared"}, name


def test_algorithms_know_no_data_and_no_augmentation():
    for name, path in NAMES.items():
        if name.startswith("algorithms."):
            known = {top(n) for n in imports_of(path)}
            assert known <= {"base", "contract", "functional"}, name


def test_losses_do_not_wait_for_the_device():
    allowed = {
        ("functional.mixing", "uniform.numpy"),  # drawn on the CPU
        ("functional.graph", "torch.nn.functional.normalize(features, dim=1).cpu"),  # no loss
    }
    for name, path in NAMES.items():
        if top(name) in ("algorithms", "functional") or name == "contract.state":
            for call, line in calls_of(path):
                waits = call.split(".")[-1] in SYNCHRONIZING and "." in call
                assert not waits or (name, call) in allowed, f"{name}:{line} {call}"


def test_what_procedures_train_with_does_not_wait_either():
    rules = 0
    for name, path in NAMES.items():
        if top(name) == "procedures":
            for cls in ast.walk(tree_of(path)):
                bases = {ast.unparse(base) for base in getattr(cls, "bases", ())}
                if bases & {"Objective", "Algorithm"}:
                    rules += 1
                    for node in ast.walk(cls):
                        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                            assert node.func.attr not in SYNCHRONIZING, f"{name}:{node.lineno}"
    assert rules


def test_nothing_that_runs_what_it_reads():
    for name, path in NAMES.items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Import):
                modules = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules = {node.module or ""}
            else:
                continue
            found = {(name, top(module)) for module in modules if top(module) in FORBIDDEN_MODULES}
            assert found <= {("data.reading.layouts", "pickle")}  # the next test
        for call, line in calls_of(path):
            weights = (name, call) == ("encoders.weights", "torch.load")  # the test after the next
            assert weights or call not in FORBIDDEN_CALLS, f"{name}:{line} {call}"


def test_the_batches_of_cifar_are_unpickled_with_named_functions_only():
    tree = tree_of(NAMES["data.reading.layouts"])
    used = {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    used = {name for name in used if name.startswith("pickle.")}
    assert used <= {"pickle.Unpickler", "pickle.UnpicklingError"}
    reader = [n for n in tree.body if isinstance(n, ast.ClassDef) and "Unpickler" in ast.unparse(n)]
    for cls in reader:
        assert "find_class" in {n.name for n in cls.body if isinstance(n, ast.FunctionDef)}
    calls = {call for call, _ in calls_of(NAMES["data.reading.layouts"])}
    assert "pickle.Unpickler" not in calls


def test_files_of_torch_are_read_as_weights_only():
    for node in ast.walk(tree_of(NAMES["encoders.weights"])):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert given["weights_only"] == "True"


def test_numpy_files_are_read_without_objects():
    for name, path in NAMES.items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.load":
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert given.get("allow_pickle", "False") == "False", name


def test_global_randomness_is_seeded_in_three_places_only():
    places = {
        (name, call)
        for name, path in NAMES.items()
        for call, _ in calls_of(path)
        if (call.endswith(".manual_seed") and not call.startswith("torch.Generator()"))
        or call in ("np.random.seed", "random.seed", "torch.seed")
    }
    generators = {"torch.default_generator", "torch.cuda", "torch.mps"}
    assert places == {
        ("models", "torch.default_generator.manual_seed"),
        ("augment.texts.translate", "torch.manual_seed"),  # transformers takes no generator
        *(("training.devices", f"{name}.manual_seed") for name in generators),
    }


@pytest.mark.parametrize("name", NAMES)
def test_modules_are_short(name):
    lines = len(NAMES[name].read_text().splitlines())
    assert lines <= LONGEST


@pytest.mark.parametrize("name", NAMES)
def test_every_module_says_what_it_is(name):
    tree = tree_of(NAMES[name])
    assert not tree.body or ast.get_docstring(tree)


def test_mutants_break_code_that_is_there():
    """`tests.mutations` quotes what it replaces; it takes hours, and they go stale at once."""
    for mutant in MUTANTS:
        assert mutant.old in (ROOT / mutant.file).read_text(), mutant.what
        for test in mutant.tests.split():
            assert (ROOT.parent / "tests" / test.partition("::")[0]).exists(), mutant.what

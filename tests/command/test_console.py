"""Progress, messages and signals as a person sees them."""

from __future__ import annotations

import io
import os
import signal

import pytest
from rich.console import Console

from realmix.base.errors import DataError
from realmix.base.wording import duration
from realmix.command.console import Progress, bad_files, tell
from realmix.command.process import LONGEST_MESSAGE, Signals, Stopped, explain, is_first

PHASES = ["fold-1/supervised", "fold-1/realmix", "final/supervised", "final/realmix"]


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def watcher(terminal: bool = False, width: int = 80) -> tuple[Progress, Clock, io.StringIO]:
    text, clock = io.StringIO(), Clock()
    console = Console(file=text, force_terminal=terminal, width=width, highlight=False)
    return Progress(console, Signals(), clock), clock, text


def drawn(progress: Progress, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(progress._draw())
    return capture.get().splitlines()


def record(step: int, **figures: float) -> dict[str, float]:
    return {"step": step, "seconds": 1.0, **figures}


def test_a_log_has_a_line_at_each_end_and_one_at_least_every_thirty_seconds() -> None:
    progress, clock, text = watcher()
    with progress:
        progress.plan(dict.fromkeys(PHASES[:2], 100), "100 steps")
        progress.phase(PHASES[0], 0, 100)
        for step in range(10, 101, 10):
            clock.now += 10
            progress.record(PHASES[0], record(step, loss=0.5, supervised=0.5))
        progress.record(PHASES[0], record(100, accuracy=0.812))
        progress.phase(PHASES[1], 0, 100)
        clock.now += 31
        progress.stopping()
    lines = text.getvalue().splitlines()
    assert lines[0] == "2 trainings of 100 steps."
    where, left = "fold 1 of 1, labels alone", ("2 min 50 s", "2 min 20 s", "1 min 50 s")
    assert lines[1:4] == [
        f"{where}: step {step} of 100, loss 0.500, {step // 2}% of all, at least {time} left"
        for step, time in zip((30, 60, 90), left, strict=True)
    ]
    assert lines[4] == ("fold 1 of 1, labels alone: done in 1 min 40 s, held-out accuracy 81.2%")
    assert lines[5].startswith("fold 1 of 1, realmix: step 0 of 100, 50% of all")
    assert len(lines) == 6


def test_a_log_has_no_control_codes_and_no_escapes_from_names() -> None:
    progress, _, text = watcher()
    progress.note("folder a\x1b[31mb [red]c[/red] :smile:")
    assert text.getvalue() == "Note: folder a\\x1b[31mb [red]c[/red] :smile:\n"


def test_time_left_counts_each_algorithm_by_its_own_cost() -> None:
    progress, clock, _ = watcher()
    progress.plan(dict.fromkeys(PHASES, 100), "100 steps")
    for phase, cost in zip(PHASES[:2], (1, 3), strict=True):
        progress.phase(phase, 0, 100)
        clock.now += 100 * cost
        progress.record(phase, record(100))
    assert progress.left == "about 6 min 40 s left"
    assert progress.share == 0.5


def test_what_was_done_before_counts_as_done_and_not_as_fast() -> None:
    progress, clock, text = watcher()
    with progress:
        progress.plan(dict.fromkeys(PHASES, 100), "100 steps")
        progress.phase(PHASES[0], 100, 100)
        progress.phase(PHASES[1], 50, 100)
        assert progress.share == 0.375
        assert progress.left == ""
        clock.now += 25
        progress.record(PHASES[1], record(75))
        assert progress.left == "at least 3 min 45 s left"
    assert "fold 1 of 1, labels alone: done before\n" in text.getvalue()
    assert "realmix: done" not in text.getvalue()


def test_trainings_of_different_length_count_by_their_steps() -> None:
    progress, clock, text = watcher()
    with progress:
        progress.plan({"final/supervised": 100, "final/noisy_student": 300}, "100 steps")
        progress.phase("final/supervised", 0, 100)
        clock.now += 100
        progress.record("final/supervised", record(100))
        progress.phase("final/noisy_student", 0, 300)
        assert progress.share == 0.25
        assert progress.left == "at least 5 min 0 s left"
        clock.now += 200
        progress.record("final/noisy_student", record(100))
        progress.phase("final/noisy_student", 100, 300)  # its second stage
        assert progress.share == 0.5
        assert progress.left == "about 6 min 40 s left"
        clock.now += 800
        progress.record("final/noisy_student", record(300))
        assert progress.cost["noisy_student"] == 4.0  # of the second stage, the latest
    assert "2 trainings of 100 steps." in text.getvalue()
    assert "labels alone: done in 1 min 40 s\n" in text.getvalue()
    assert "noisy_student: done in 16 min 40 s\n" in text.getvalue()  # both stages


def test_what_is_fitted_to_the_end_takes_time_too() -> None:
    progress, clock, _ = watcher()
    names = [
        f"{part}/{name}" for part in ("fold-1", "fold-2") for name in ("linear", "vote", "mlp")
    ]
    progress.plan({name: 100 * name.endswith("mlp") for name in names}, "at most 100 steps")
    for name, seconds in (("fold-1/linear", 2), ("fold-1/vote", 8)):
        progress.phase(name, 0, 0)
        clock.now += seconds
        progress.record(name, record(0, loss=0.1))
    assert progress.left == "at least 4 s left"  # two fits like the only one that is known
    progress.phase("fold-1/mlp", 0, 100)
    clock.now += 10
    progress.record("fold-1/mlp", record(50))
    assert progress.left == "about 40 s left"  # 10 and 20 of steps, 2 and 8 of fits
    progress.phase("fold-2/linear", 0, 0)
    assert progress.left == "about 30 s left"
    progress.phase("fold-2/vote", 0, 0)  # the linear one was found done, which tells nothing
    assert progress.fits == {"linear": 2.0, "vote": 8.0}
    assert progress.left == "about 28 s left"


def test_a_training_that_ends_early_is_done_all_the_same() -> None:
    progress, clock, text = watcher()
    with progress:
        progress.plan({"final/supervised": 100, "final/self_training": 600}, "100 steps")
        progress.phase("final/supervised", 100, 100)
        progress.phase("final/self_training", 0, 600)
        clock.now += 60
        progress.record("final/self_training", record(200))
        progress.record("final/self_training", {**record(200), "accuracy": 0.875})
        progress.phase("final/self_training", 600, 600)
        assert progress.share == 1.0
    assert "labels alone: done before\n" in text.getvalue()
    assert text.getvalue().endswith("self_training: done in 1 min 0 s, held-out accuracy 87.5%\n")


def test_what_is_counted_is_timed_from_where_it_began() -> None:
    """100 more of 1,000 take 10 s; whether it says so at 0, goes on from 400, or begins late."""
    progress, clock, _ = watcher()
    clock.now = 50_000.0  # a clock counts from when the machine was started
    for words, first in (
        ("encoding texts", 0),
        ("encoding test texts", 400),
        ("making views", 100),
    ):
        progress.counting(words, first, 1000)
        assert progress.before == f"{words}: {first:,} of 1,000"
        clock.now += 10
        progress.counting(words, first + 100, 1000)
        left = duration((1000 - first - 100) / 10)
        assert progress.before == f"{words}: {first + 100:,} of 1,000, about {left} left"


def test_the_drawing_fits_a_narrow_terminal() -> None:
    progress, clock, _ = watcher()
    assert drawn(progress) == ["starting ..."]
    progress.doing("reading the data")
    assert drawn(progress)[-1] == "reading the data ..."
    progress.plan(
        {f"fold-{k}/{a}": 500 for k in range(1, 5) for a in ("supervised", "realmix")}, "100 steps"
    )
    progress.phase("fold-2/realmix", 0, 500)
    clock.now += 60
    rates = {"unlearned_rate": 0.9, "trusted_rate": 1.0}
    losses = {"loss": 12.3456, "supervised": 10.0, "unlabeled": 2.3456}
    progress.record("fold-2/realmix", record(120, **losses, **rates))
    progress.record("fold-2/realmix", record(120, accuracy=0.81))
    lines = drawn(progress)
    assert lines[0] == "fold 2 of 4, realmix   step 120 of 500   held-out accuracy 81.0%"
    assert "supervised 10.000  unlabeled 2.346  unlearned 90%  trusted 100%" in lines[1]
    assert lines[2].endswith("left")
    assert " 40%  " in lines[2]
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    progress, _, text = watcher(terminal=True)
    with progress:
        progress.plan(dict.fromkeys(PHASES, 10), "100 steps")
        progress.phase(PHASES[2], 0, 10)
    assert "all labels, labels alone" in text.getvalue()
    assert text.getvalue().rstrip().endswith("\x1b[2K")  # the last thing is to wipe it


def test_without_folds_only_the_algorithm_is_named() -> None:
    progress, _, _ = watcher()
    progress.plan({"final/fixmatch": 10}, "100 steps")
    progress.phase("final/fixmatch", 0, 10)
    assert progress.where == "fixmatch"


def test_a_second_plan_names_what_a_comparison_chose_and_says_nothing_more() -> None:
    progress, _, text = watcher()
    folds = dict.fromkeys(("fold-1/linear", "fold-1/supervised"), 10)
    progress.plan({**folds, "final/linear": 0}, "10 steps")
    progress.phase("fold-1/supervised", 10, 10)
    progress.plan({"final/supervised": 10}, "10 steps")
    assert progress.phases == {**folds, "final/supervised": 10}
    progress.phase("final/supervised", 10, 10)
    progress.plan({"final/mixmatch": 10}, "10 steps")  # the next best has its turn
    assert progress.phases == {**folds, "final/supervised": 10, "final/mixmatch": 10}
    assert progress.share == pytest.approx(0.75)
    assert text.getvalue().count("trainings of") == 1


def test_long_text_stays_whole_in_a_log() -> None:
    text = io.StringIO()
    tell(Console(file=text, width=20), "word " * 30)
    assert text.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59.6, "1 min 0 s"), (7322, "2 h 2 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_many_bad_files_are_cut() -> None:
    lines = bad_files([(f"{i}.png", "empty") for i in range(50)]).splitlines()
    assert lines[0] == "50 files could not be used:"
    assert lines[-1] == "... and 30 more"
    assert len(lines) == 22


def test_only_the_first_process_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_first()
    monkeypatch.setenv("RANK", "1")
    assert is_first()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not is_first()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_first_signal_is_a_wish_and_a_second_one_an_order(number: int, code: int) -> None:
    before = signal.getsignal(number)
    with Signals() as signals:
        signals.patient = True
        os.kill(os.getpid(), number)
        assert signals.received == number
        assert Stopped("", signals).exit_code == code
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_a_signal_before_anything_is_trained_stops_at_once() -> None:
    with Signals(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)


def test_messages_are_cut_and_keep_their_exit_code() -> None:
    message, code = explain(DataError("line\n" * 40))
    assert len(message.splitlines()) == LONGEST_MESSAGE
    assert message.endswith("...")
    assert code == 3


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_no_memory_is_exit_four(error: Exception) -> None:
    assert explain(error)[1] == 4


def test_anything_else_is_a_bug() -> None:
    message, code = explain(RuntimeError("odd\nthing"))
    assert message.startswith("RuntimeError: odd\nThis is a bug in realmix; run with --debug")
    assert code == 1

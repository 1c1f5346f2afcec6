"""Break the library in known ways and see that a test fails each time.

    nice python -m tests.mutations [word ...]      # only mutants whose name has all the words

Each mutant is a text replaced in a temporary copy of the tree; the tests beside it run there. It
prints "killed" or "SURVIVED" for each and ends with the number of survivors. Not collected by
pytest. A mutant whose old text is no longer there is an error: change it with the code.
"""
# ruff: noqa: E501 - quotations

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SLOW_IMPORTS = ("torch", "scipy.stats", "pydantic", "matplotlib.pyplot")


class Mutant(NamedTuple):
    what: str
    file: str
    tests: str
    old: str
    new: str


def mutants(file: str, tests: str, changes: Iterable[tuple[str, str, str]]) -> list[Mutant]:
    """Of one file: what is broken, the text, and what replaces it."""
    return [Mutant(f"{Path(file).stem}: {what}", file, tests, *texts) for what, *texts in changes]


MUTANTS = [
    *mutants(
        "algorithms/supervised.py",
        "algorithms/test_supervised.py contract",
        [
            ("sum for mean", ".mean()", ".sum()"),
            ("the average is trained", "nets.student(x)", "nets.ema(x)"),
            ("no gradient", "nets.student(x)", "nets.student(x).detach()"),
            (
                "global noise",
                "nets.student(x)",
                "nets.student(x + 1e-3 * __import__('torch').randn_like(x))",
            ),
        ],
    ),
    *mutants(
        "algorithms/mean_teacher.py",
        "algorithms/test_mean_teacher.py contract",
        [
            (
                "teacher and student swapped",
                "q = nets.ema(u_teacher)",
                "q = nets.student(u_teacher)",
            ),
            (
                "student's logits from the teacher (USB)",
                "logits_u = nets.student(u_student)",
                "logits_u = nets.ema(u_teacher)",
            ),
            (
                "student detached",
                "logits_u = nets.student(u_student)",
                "logits_u = nets.student(u_student).detach()",
            ),
            ("gradient into the teacher", "with torch.no_grad():", "with torch.enable_grad():"),
            ("views swapped", "u_teacher, u_student = batch", "u_student, u_teacher = batch"),
            ("linear ramp", "sigmoid_ramp", "ramp_up"),
            ("no ramp", "self.weight * sigmoid_ramp(step.progress, self.ramp_end)", "self.weight"),
            (
                "ramp of the whole training",
                "sigmoid_ramp(step.progress, self.ramp_end)",
                "sigmoid_ramp(step.progress, 1.0)",
            ),
            (
                "the student's unlabeled pass updates statistics",
                "with frozen_statistics(nets.student), frozen_statistics(nets.ema):",
                "with frozen_statistics(nets.ema):",
            ),
            (
                "the teacher's pass updates statistics",
                "with frozen_statistics(nets.student), frozen_statistics(nets.ema):",
                "with frozen_statistics(nets.student):",
            ),
        ],
    ),
    *mutants(
        "algorithms/mixmatch.py",
        "algorithms/test_mixmatch.py algorithms/test_realmix.py contract",
        [
            (
                "mean over views only",
                "weight * squared_error(torch.cat(logits_u), torch.cat(target_u)).mean()",
                "weight * squared_error(logits_u[0], target_u[0]).mean()",
            ),
            (
                "unmixed labels",
                "cross_entropy(logits_x, target_x)",
                "cross_entropy(logits_x, batch.labeled.label)",
            ),
            ("sigmoid ramp", "ramp_up", "sigmoid_ramp"),
            (
                "the ramp outlasts a short run",
                "min(self.ramp_steps, step.total)",
                "self.ramp_steps",
            ),
            (
                "no ramp",
                "self.weight * ramp_up(step.index, min(self.ramp_steps, step.total))",
                "self.weight",
            ),
            (
                "temperature and alpha swapped",
                "self.temperature, self.alpha, step.rng",
                "self.alpha, self.temperature, step.rng",
            ),
            ("the average guesses", "nets.student, (x, y)", "nets.ema, (x, y)"),
            ("forms swapped", "joint if self.compatibility", "interleaved if self.compatibility"),
            ("a view too few", '("weak",) * self.augmentations', '("weak",) * 2'),
        ],
    ),
    *mutants(
        "algorithms/fixmatch.py",
        "algorithms/test_fixmatch.py contract",
        [
            (
                "mean over the kept rows",
                "(mask * cross_entropy(logits_strong, q.argmax(-1))).mean()",
                "(mask * cross_entropy(logits_strong, q.argmax(-1))).sum() / mask.sum().clamp(min=1)",
            ),
            ("weak and strong swapped", "weak, strong = batch", "strong, weak = batch"),
            (
                "strong view detached",
                "cross_entropy(logits_strong, q",
                "cross_entropy(logits_strong.detach(), q",
            ),
            ("soft targets with a gradient", "q.argmax(-1))", "logits_weak.softmax(-1))"),
            ("soft targets", "q.argmax(-1))", "q)"),
            (
                "mask after sharpening (LAMDA)",
                "mask = confident(q,",
                "mask = confident(q**2 / (q**2).sum(-1, keepdim=True),",
            ),
            ("no mask", "self.weight * (mask * cross", "self.weight * (cross"),
            ("weight dropped", "self.weight * (mask", "(mask"),
        ],
    ),
    *mutants(
        "algorithms/realmix.py",
        "algorithms/test_realmix.py contract",
        [
            (
                "labels always count",
                "masked_mean(cross_entropy(logits_x, target_x), unlearned)",
                "cross_entropy(logits_x, target_x).mean()",
            ),
            (
                "mean over all rows",
                "masked_mean(squared_error(logits_u, torch.cat(target_u)), trusted)",
                "(trusted * squared_error(logits_u, torch.cat(target_u))).mean()",
            ),
            (
                "mask by the targets",
                "trusted_rule(logits_u, self",
                "trusted_rule(torch.cat(target_u).log(), self",
            ),
            (
                "mask inverted",
                "trusted = trusted_rule(logits_u, self.out_of_distribution)",
                "trusted = 1 - trusted_rule(logits_u, self.out_of_distribution)",
            ),
            (
                "annealing rules swapped",
                '"paper": (joint, masks.not_yet_learned,',
                '"paper": (joint, masks.not_yet_learned_released,',
            ),
            (
                "mask rules swapped",
                "masks.not_yet_learned_released, masks.most_confident_released",
                "masks.not_yet_learned_released, masks.most_confident",
            ),
            (
                "annealing by the end of the ramp",
                "signal_annealing(step.progress,",
                "signal_annealing(min(step.index / self.ramp_steps, 1),",
            ),
            ("another ramp", "ramp_steps: Count = 16384", "ramp_steps: Count = 8192"),
            (
                "the ramp outlasts a short run",
                "min(self.ramp_steps, step.total)",
                "self.ramp_steps",
            ),
            ("no ramp", " * ramp_up(step.index, min(self.ramp_steps, step.total))", ""),
            ("stored copies forgotten", "copies=self.copies or 0", "copies=0"),
        ],
    ),
    *mutants(
        "algorithms/realmix.py",
        "algorithms/test_realmix.py contract golden",
        [
            ("released form passes jointly", '"released": (interleaved,', '"released": (joint,'),
        ],
    ),
    *mutants(
        "functional/targets.py",
        "functional",
        [
            ("sharpening dropped", "** (1 / temperature)", "** 1"),
            ("flattened instead of sharpened", "** (1 / temperature)", "** temperature"),
            ("underflow", "(probs / probs.amax(-1, keepdim=True)) **", "probs **"),
            (
                "average after sharpening",
                "sharpen(average(*(net(view).softmax(-1) for view in views)), temperature)",
                "average(*(sharpen(net(view).softmax(-1), temperature) for view in views))",
            ),
            (
                "logits averaged",
                "average(*(net(view).softmax(-1) for view in views))",
                "average(*(net(view) for view in views)).softmax(-1)",
            ),
            ("guesses update statistics", "with frozen_statistics(net):", "if True:"),
            ("guesses with a gradient", "@torch.no_grad()\n", ""),
        ],
    ),
    *mutants(
        "functional/masks.py",
        "functional",
        [
            (">= to >", ">= threshold", "> threshold"),
            (
                "one too many dropped",
                "argsort(stable=True)[:count]",
                "argsort(stable=True)[: count + 1]",
            ),
            (
                "most confident dropped",
                "argsort(stable=True)[:count]",
                "argsort(stable=True, descending=True)[:count]",
            ),
            (
                "rounding",
                "count = int(dropped * len(logits) + 1e-9)  # 0.29",
                "count = int(dropped * len(logits))  # 0.29",
            ),
            (
                "largest logit for confidence",
                "least = logits.detach().softmax(-1).amax",
                "least = logits.detach().amax",
            ),
            (
                "released one off",
                "confidence > confidence.sort()",
                "confidence >= confidence.sort()",
            ),
            (
                "released at one",
                "torch.full_like(confidence, dropped == 0)",
                "torch.ones_like(confidence)",
            ),
            (
                "logits scaled instead of labels",
                "< threshold * target) &",
                "< threshold * logits) &",
            ),
            ("all for any", "unmet.any(-1)", "unmet.all(-1)"),
            (
                "labels scaled instead of logits (released)",
                "probs_of_target < threshold * logits",
                "probs_of_target < threshold * target",
            ),
            (
                "classes outside the target forgotten (released)",
                "logits.softmax(-1) * (target > 0)",
                "logits.softmax(-1)",
            ),
        ],
    ),
    *mutants(
        "functional/losses.py",
        "functional",
        [
            ("sum over classes", ".square().mean(-1)", ".square().sum(-1)"),
            ("error of logits", "(logits.softmax(-1) - target)", "(logits - target)"),
            (
                "KL turned round",
                "F.kl_div(logits.log_softmax(-1), target, reduction",
                "F.kl_div(target.clamp(min=1e-9).log(), logits.softmax(-1), reduction",
            ),
            (
                "mean over all",
                "(mask * loss).sum() / mask.sum().clamp(min=1)",
                "(mask * loss).mean()",
            ),
            ("zero by zero", ".clamp(min=1)", ""),
        ],
    ),
    *mutants(
        "functional/mixing.py",
        "functional",
        [
            (
                "partners in place",
                "return torch.randperm(count, generator=rng)",
                "return torch.arange(count)",
            ),
            (
                "targets keep their rows",
                "mixup(torch.cat(list(targets)), partner, share)",
                "torch.cat(list(targets))",
            ),
            (
                "larger share dropped",
                "share = larger_share(beta(alpha, len(rows), rng))",
                "share = beta(alpha, len(rows), rng)",
            ),
            ("smaller share", "share.maximum(1 - share)", "share.minimum(1 - share)"),
            (
                "shares exchanged",
                "share * values + (1 - share) * values[partner]",
                "(1 - share) * values + share * values[partner]",
            ),
            (
                "one share for all",
                "beta(alpha, len(rows), rng)",
                "beta(alpha, 1, rng).expand(len(rows))",
            ),
            ("another beta", "betaincinv(alpha, alpha, uniform", "betaincinv(alpha, 1.0, uniform"),
            (
                "global generator",
                "torch.rand(count, generator=rng, dtype",
                "torch.rand(count, dtype",
            ),
        ],
    ),
    *mutants(
        "functional/schedules.py",
        "functional",
        [
            ("ramp not capped", "min(progress / end, 1.0)", "progress / end"),
            ("ramp not squared", ") ** 2)", "))"),
            ("half a cosine", "math.cos(7 * math.pi / 16", "math.cos(8 * math.pi / 16"),
            ("log and exp swapped", '"log": 1', '"exp": 1'),
            ("annealing from zero", "share * (1 - 1 / num_classes) + 1 / num_classes", "share"),
        ],
    ),
    *mutants(
        "functional/forward.py",
        "functional",
        [
            (
                "a pass a part",
                "torch.split(net(torch.cat(parts)), [len(part) for part in parts])",
                "tuple(net(part) for part in parts)",
            ),
            ("statistics not frozen", "layer.track_running_stats = False", "pass"),
            (
                "not released after an exception",
                "    try:\n        yield\n    finally:\n        for",
                "    yield\n    if True:\n        for",
            ),
            ("layers without statistics get them", " and m.track_running_stats]", "]"),
            ("not put back", "tuple(interleave(logits))", "tuple(logits)"),
            (
                "all interleaved passes update",
                "    with frozen_statistics(net):\n        logits +=",
                "    if True:\n        logits +=",
            ),
            (
                "remainder to the first pieces",
                "(piece >= count - size % count)",
                "(piece < size % count)",
            ),
        ],
    ),
    *mutants(
        "state.py",
        "test_state.py",
        [
            (
                "decay inverted",
                "avg_fn(min(self.decay, (1 + step) / (10 + step)))",
                "avg_fn(1 - min(self.decay, (1 + step) / (10 + step)))",
            ),
            ("no warm-up", "min(self.decay, (1 + step) / (10 + step))", "self.decay"),
            ("warm-up off by one", "(1 + step) / (10 + step)", "(2 + step) / (11 + step)"),
            ("counters forgotten", "mine[name].copy_(theirs[name])", "pass"),
            (
                "buffers left alone",
                "if value.is_floating_point()]",
                "if value.is_floating_point() and 'running' not in name]",
            ),
            ("the network itself", "copy.deepcopy(network)", "network"),
            ("gradients kept", ".requires_grad_(False)", ""),
        ],
    ),
    *mutants(
        "optimizer.py",
        "test_optimizer.py",
        [
            ("weight decay on all", '"weight_decay": 0.0', '"weight_decay": recipe.weight_decay'),
            (
                "weight decay on biases only",
                "kernels = [p for p in self.parameters if p.ndim > 1]\n        others = [p for p in self.parameters if p.ndim <= 1]",
                "kernels = [p for p in self.parameters if p.ndim <= 1]\n        others = [p for p in self.parameters if p.ndim > 1]",
            ),
            ("decay as an L2 term", "torch.optim.AdamW(", "torch.optim.Adam("),
            ("no Nesterov", "nesterov=True", "nesterov=False"),
            ("gradients pile up", "self.torch.zero_grad(set_to_none=True)", "pass"),
            ("no schedule", 'group["lr"] = rate', "pass"),
            (
                "one group annealed",
                "for group in self.torch.param_groups:\n            group",
                "for group in self.torch.param_groups[:1]:\n            group",
            ),
        ],
    ),
    *mutants(
        "optimizer.py",
        "test_optimizer.py contract",
        [
            ("momentum forgotten on resume", '"state": memory', '"state": {}'),
        ],
    ),
    *mutants(
        "randomness.py",
        "test_randomness.py",
        [
            ("arithmetic shift", " & ((1 << (64 - bits)) - 1)", ""),
            ("neighbours share a key", "scramble(index + 1)", "scramble(index // 2 + 1)"),
            (
                "keys not scrambled twice",
                "scramble(scramble(index + 1) + address)",
                "scramble(index + 1) + address",
            ),
            ("draws repeat", "self._count += size", "self._count += 0"),
            (
                "16 bits",
                "_shift(words, 40).float() * 2.0**-24",
                "_shift(words, 48).float() * 2.0**-16",
            ),
            ("order of an address", "SeedSequence(address)", "SeedSequence(sorted(address))"),
            ("half-normal", "(2 * torch.pi * self", "(0.5 * torch.pi * self"),
        ],
    ),
    *mutants(
        "data/sampling.py",
        "data/test_sampling.py",
        [
            (
                "order by epoch alone",
                "generator(seed, ORDER, stream, epoch)",
                "generator(0, ORDER, stream, epoch)",
            ),
            (
                "one order for all epochs",
                "generator(seed, ORDER, stream, epoch)",
                "generator(seed, ORDER, stream, 0)",
            ),
            (
                "one order for all streams",
                "generator(seed, ORDER, stream, epoch)",
                "generator(seed, ORDER, 1, epoch)",
            ),
            ("views alike", "derive(seed, stream, step, number)", "derive(seed, stream, step, 0)"),
            (
                "steps alike",
                "derive(seed, stream, step, number)",
                "derive(seed, stream, 0, number)",
            ),
            ("copies alike", "row + len(pool) * copy)", "row)"),
            ("copies afresh", "keys(derive(seed, COPY), row", "keys(derive(seed, COPY, step), row"),
            ("originals only", "len(pool) * max(copies, 1)", "len(pool)"),
            ("labels out of order", "pool.label[row]", "pool.label[row.flip(0)]"),
        ],
    ),
    *mutants(
        "models/__init__.py",
        "models",
        [
            ("global generator", "with torch.random.fork_rng(devices=[]):", "if True:"),
            ("seed ignored", "torch.manual_seed(derive(seed))", "torch.manual_seed(0)"),
        ],
    ),
    *mutants(
        "models/wide_resnet.py",
        "models",
        [
            ("fan-in", "* module.out_channels", "* module.in_channels"),
            ("residual dropped", "kept + self.conv2(y)", "kept"),
            ("raw input to the first convolution", "self.conv1(activated)", "self.conv1(x)"),
            ("every shortcut activated", "if self.activate_first else x", "if True else x"),
        ],
    ),
    *mutants(
        "algorithm.py",
        "contract algorithms",
        [
            (
                "terms not summed",
                "torch.stack(list(self.terms.values())).sum()",
                "torch.stack(list(self.terms.values())).mean()",
            ),
        ],
    ),
    *mutants(
        "algorithm.py",
        "contract",
        [
            (
                "fields not checked",
                "in validated(type(self), self.fields()).items()",
                "in self.fields().items()",
            ),
        ],
    ),
    *mutants(
        "algorithm.py",
        "algorithms",
        [
            ("progress one late", "self.index / self.total", "(self.index + 1) / self.total"),
        ],
    ),
    *mutants(
        "train.py",
        "contract",
        [
            ("average not saved", 'self.nets.ema.load_state_dict(part("ema"))', "pass"),
            (
                "step not restored",
                'self.step, self._origin = header["step"],',
                "self.step, self._origin = 0,",
            ),
        ],
    ),
    *mutants(
        "train.py",
        "contract test_train.py",
        [
            (
                "one noise for all steps",
                "generator(self.seed, NOISE, self.step)",
                "generator(self.seed, NOISE)",
            ),
        ],
    ),
]


def run_tests(folder: Path, tests: str) -> int:
    """pytest in a fork of this process, which has the slow imports behind it: its exit status."""
    child = os.fork()
    if not child:
        status = 70
        try:
            os.chdir(folder)
            log = os.open("log", os.O_WRONLY | os.O_CREAT)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.dont_write_bytecode = True
            sys.path.insert(0, str(folder))
            for name in [
                name for name in sys.modules if name.split(".")[0] in ("realmix", "tests")
            ]:
                del sys.modules[name]
            options = ["-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider"]
            files = [f"tests/{name}" for name in tests.split()]
            status = int(importlib.import_module("pytest").main([*options, *files]))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_by(mutant: Mutant) -> str | None:
    """The test that failed; None if all passed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("realmix", "tests"):
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, ignore=skipped)
        shutil.copy(ROOT / "pyproject.toml", folder)
        path = folder / "realmix" / mutant.file
        text = path.read_text()
        if mutant.old not in text:
            raise SystemExit(f"{mutant.what}: the text is no longer in {mutant.file}")
        path.write_text(text.replace(mutant.old, mutant.new))
        status = run_tests(folder, mutant.tests)
        log = (folder / "log").read_text()
    if status == 0:
        return None
    failed = [line for line in log.splitlines() if line.startswith("FAILED")]
    if status != 1 or not failed:
        raise SystemExit(f"{mutant.what}: pytest ended with {status}\n{log}")
    return failed[0].removeprefix("FAILED tests/").split(" - ")[0]


def main(words: list[str]) -> int:
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
    chosen = [m for m in MUTANTS if all(word in m.what for word in words)]
    survivors, start = 0, time.monotonic()
    for mutant in chosen:
        test = killed_by(mutant)
        survivors += test is None
        print("killed" if test else "SURVIVED", mutant.what, test or "", sep="\t", flush=True)
    seconds = time.monotonic() - start
    print(f"{len(chosen) - survivors} of {len(chosen)} killed in {seconds:.0f} s")
    return survivors


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

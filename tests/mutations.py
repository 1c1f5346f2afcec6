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
        "augment/texts/words.py",
        "augment/test_text.py",
        [
            (
                "chances above 1",
                "np.minimum(1.0, p * len(scores) * behind / total)",
                "p * len(scores) * behind / total",
            ),
            ("tf is the count", "count[w] / len(lower) * self.idf", "count[w] * self.idf"),
            ("informative words are drawn", "weights.max(initial=0.0) - weights", "weights"),
            ("case tells words apart", "[word.lower() for word in words]", "list(words)"),
            ("nothing may be left", "return left or (", "return left if left else [] and ("),
            (
                "a swap copies",
                "changed[i], changed[j] = changed[j], changed[i]",
                "changed[i] = changed[j]",
            ),
        ],
    ),
    *mutants(
        "augment/texts/translate.py",
        "augment/test_translate.py",
        [
            (
                "half as long is too short",
                "> MOST_CHANGED * len(text)",
                ">= MOST_CHANGED * len(text)",
            ),
            ("the translation may be short", "min(len(text), len(translation)) <", "len(text) <"),
        ],
    ),
    *mutants(
        "augment/texts/translations.py",
        "augment/test_translate.py",
        [("made anew each time", "(_digest(text), copy) not in kept", "True")],
    ),
    *mutants(
        "augment/texts/text_views.py",
        "augment/test_text_views.py",
        [
            (
                "one view for all numbers",
                "derive(self.seed, VIEWS, number)",
                "derive(self.seed, VIEWS)",
            ),
            ("the seed says nothing", "derive(self.seed, VIEWS, number)", "derive(VIEWS, number)"),
            ("rare senses", '[: entry["n_first"]]', ""),
        ],
    ),
    *mutants(
        "encoders/texts/tfidf.py",
        "encoders/texts/test_tfidf.py",
        [
            ("counts are not dampened", "sublinear_tf=True", "sublinear_tf=False"),
            ("words of one text", "min(2, len(seen))", "1"),
            ("features tell all texts apart", "max(len(seen) // ROWS_EACH, LEAST), ", ""),
        ],
    ),
    *mutants(
        "encoders/store.py",
        "encoders/test_store.py encoders/test_extract.py",
        [
            ("bytes without a line stay", "os.truncate(file, self.count * self.row_bytes)", "pass"),
            (
                "damaged rows still count",
                "self.place = {digest: i for digest, i in self.place.items() if digest not in lost}",
                "pass",
            ),
            ("lines promise too much", "if self.count + len(digests) > written:", "if False:"),
            (
                "half a block after a full disk",
                "os.truncate(self.folder / FEATURES, self.count * self.row_bytes)",
                "pass",
            ),
            ("equal rows twice", "seen.add(digest)", "pass"),
        ],
    ),
    *mutants(
        "encoders/extract.py",
        "encoders/test_extract.py",
        [
            ("views by place", "torch.tensor(words)", "torch.arange(len(words))"),
            ("equal views", "derive(seed, VIEWS, number)", "derive(seed, VIEWS)"),
            ("all views weak", "< num_weak(count)", "< count"),
            ("nothing kept when stopped", "if whole:", "if False:"),
        ],
    ),
    *mutants(
        "encoders/encoder.py",
        "encoders/test_encoder.py",
        [
            ("mean of pixels in [0, 1]", "(mean - 0.5) / std", "mean / std"),
            ("its own length", "F.normalize(rows, dim=1)", "rows"),
            (
                "fingerprint without preparation",
                "json.dumps(preparation, sort_keys=True).encode()",
                "b''",
            ),
        ],
    ),
    *mutants(
        "augment/encoded.py",
        "augment/test_encoded.py",
        [
            ("strong is weak", "weak + draws.integers(count)", "draws.integers(weak)"),
            ("a copy changes", "pick_weak(rows, draws.copy)", "pick_weak(rows, draws)"),
            ("other rows' features", "stored[place[rows], view]", "stored[rows, view]"),
        ],
    ),
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
        "algorithms/supervised.py",
        "algorithms/test_supervised.py",
        [
            ("labels stay unmixed", "(x,), (y,) = mix_together", "(x,), _ = mix_together"),
            ("rows stay unmixed", "(x,), (y,) = mix_together", "_, (y,) = mix_together"),
            ("mixed without being asked", "if self.alpha:", "if True:"),
            ("another alpha", "(y,), self.alpha, step.rng", "(y,), 0.75, step.rng"),
        ],
    ),
    *mutants(
        "algorithms/adversarial.py",
        "algorithms/test_adversarial.py",
        [
            ("the step lowers the loss", "x + fgsm(", "x - fgsm("),
            ("no step", "nets.student(moved), y", "nets.student(x), y"),
            ("weights exchanged", "(1 - self.weight) * clean", "self.weight * clean"),
            ("clean loss twice", "self.weight * adversarial.mean()", "self.weight * clean.mean()"),
            (
                "norm ignored",
                "fgsm(clean, r, self.radius, self.norm)",
                'fgsm(clean, r, self.radius, "inf")',
            ),
            ("statistics of moved inputs", "with frozen_statistics(nets.student):", "if True:"),
            ("epsilon ignored", "self.epsilon or usual", "usual"),
            (
                "radius of the other norm",
                "usual_radius(facts.shape, self.norm)",
                "usual_radius(facts.shape)",
            ),
            ("codes are numbers", "if facts.code_columns and not", "if False and not"),
            ("codes always refused", " and not self.code_columns:", ":"),
        ],
    ),
    *mutants(
        "functional/adversarial.py",
        "functional/test_adversarial_steps.py",
        [
            ("gradient for its sign", "gradient.sign()", "gradient"),
            (
                "norms exchanged",
                'if norm == "inf" else unit(gradient))',
                'if norm == "l2" else unit(gradient))',
            ),
            (
                "the step has a gradient",
                "retain_graph=True)",
                "retain_graph=True, create_graph=True)",
            ),
            (
                "one length for the batch",
                "vector_norm(flat, dim=1, keepdim=True)",
                "vector_norm(flat)",
            ),
            ("small gradients underflow", "torch.where(largest > 0, largest, 1.0)", "1.0"),
            ("zero by zero", "torch.where(largest > 0, largest, 1.0)", "largest"),
            (
                "another start",
                "unit(start.to(inputs.device, inputs.dtype, non_blocking=True))",
                "unit(torch.ones_like(inputs))",
            ),
            ("one iteration", "range(iterations)", "range(1)"),
            (
                "direction of descent",
                "direction = unit(gradient)\n",
                "direction = -unit(gradient)\n",
            ),
            ("another radius", "IMAGE_STEP = 6 /", "IMAGE_STEP = 8 /"),
            ("features move as images do", "if len(shape) == 3", "if True"),
            (
                "radius by the number of values",
                "change * math.sqrt(math.prod(shape))",
                "change * math.prod(shape)",
            ),
            (
                "gradients of parameters touched",
                "(gradient,) = torch.autograd.grad(kl(net(inputs + step), target).sum(), step)",
                "kl(net(inputs + step), target).sum().backward(); gradient = step.grad",
            ),
        ],
    ),
    *mutants(
        "algorithms/vat.py",
        "algorithms/test_vat.py",
        [
            (
                "divergence turned round",
                "q)\n\n        weight",
                "q)\n        divergence = kl(logits, net(inputs + self.radius * worst).softmax(-1))\n\n        weight",
            ),
            ("labeled rows left out", "torch.cat([x, u])", "u"),
            ("target with a gradient", "logits.detach().softmax(-1)", "logits.softmax(-1)"),
            ("xi is absolute", "xi = self.xi * self.radius", "xi = self.xi"),
            ("published xi is lost in rounding", "xi = self.xi * self.radius", "xi = 1e-6"),
            ("not perturbed", "inputs + self.radius * worst", "inputs"),
            (
                "random direction",
                "inputs + self.radius * worst",
                "inputs + self.radius * torch.nn.functional.normalize(torch.randn_like(inputs))",
            ),
            ("weight dropped", "self.weight * ramp_up(", "ramp_up("),
            ("no ramp", " * ramp_up(step.progress, self.ramp_end)", ""),
            ("iterations ignored", "self.iterations, step.rng", "1, step.rng"),
            (
                "dropout differs between passes",
                "with frozen_statistics(net), without_dropout(net):",
                "with frozen_statistics(net):",
            ),
            (
                "no pass has dropout",
                "        logits_x = net(x)\n        with frozen_statistics(net), without_dropout(net):",
                "        with without_dropout(net):\n            logits_x = net(x)\n        with frozen_statistics(net), without_dropout(net):",
            ),
            (
                "every pass updates statistics",
                "with frozen_statistics(net), without_dropout(net):",
                "with without_dropout(net):",
            ),
            ("entropy without gradient", "entropy(logits)", "entropy(logits.detach())"),
            ("epsilon ignored", "self.epsilon or usual", "usual"),
            ("codes are numbers", "if facts.code_columns and not", "if False and not"),
        ],
    ),
    *mutants(
        "algorithms/uda.py",
        "algorithms/test_uda.py",
        [
            (
                "mask after sharpening",
                "above(q.amax(-1), self",
                "above(sharpen(q, self.temperature).amax(-1), self",
            ),
            ("no sharpening (USB)", "sharpen(q, self.temperature))", "q)"),
            (
                "mean over the kept rows",
                "(mask * divergence).mean()",
                "masked_mean(divergence, mask)",
            ),
            (
                "annealed labels count as 0 (USB)",
                "masked_mean(loss_x, unlearned)",
                "(unlearned * loss_x).mean()",
            ),
            (
                "annealing by the largest probability (USB)",
                "(-loss_x).exp()",
                "logits_x.softmax(-1).amax(-1)",
            ),
            ("annealing inverted", "1 - above((-loss_x)", "above((-loss_x)"),
            ("weak and strong swapped", "weak, strong = batch", "strong, weak = batch"),
            ("targets with a gradient", "q = logits_weak.detach()", "q = logits_weak"),
            ("cross-entropy for KL", "divergence = kl(", "divergence = cross_entropy("),
            ("entropy of the strong view", "entropy(logits_weak)", "entropy(logits_strong)"),
            ("weight dropped", "self.weight * (mask", "(mask"),
        ],
    ),
    *mutants(
        "algorithms/pseudo_label.py",
        "algorithms/test_pseudo_label.py",
        [
            (
                "mean over the kept rows",
                "(mask * cross_entropy(logits_u, q.argmax(-1))).mean()",
                "(mask * cross_entropy(logits_u, q.argmax(-1))).sum() / mask.sum().clamp(min=1)",
            ),
            ("mean by mean (broadcast mask)", "(mask * cross", "(mask[:, None] * cross"),
            ("soft labels", "q.argmax(-1))", "q)"),
            ("no mask", "(mask * cross", "(cross"),
            ("no ramp", " * delayed_ramp(step.progress, self.ramp_start, self.ramp_end)", ""),
            (
                "ramp from the start",
                "delayed_ramp(step.progress, self.ramp_start,",
                "delayed_ramp(step.progress, 0.0,",
            ),
            ("the pool updates statistics", "with frozen_statistics(nets.student):", "if True:"),
            ("the average labels", "logits_u = nets.student(u)", "logits_u = nets.ema(u)"),
        ],
    ),
    *mutants(
        "algorithms/entropy_minimization.py",
        "algorithms/test_entropy_minimization.py",
        [
            ("entropy maximized", "self.weight * unsure", "-self.weight * unsure"),
            ("no gradient", "entropy(logits_u)", "entropy(logits_u.detach())"),
            ("of the labeled rows", "entropy(logits_u)", "entropy(logits_x)"),
            ("weight dropped", "self.weight * unsure", "unsure"),
            ("the pool updates statistics", "with frozen_statistics(nets.student):", "if True:"),
            ("sum for mean", "entropy(logits_u).mean()", "entropy(logits_u).sum()"),
        ],
    ),
    *mutants(
        "functional/masks.py",
        "functional/test_masks.py",
        [
            (
                "above is no longer strict",
                "values.detach() > threshold",
                "values.detach() >= threshold",
            )
        ],
    ),
    *mutants(
        "functional/schedules.py",
        "functional/test_schedules.py",
        [
            ("delay dropped", "if progress >= start else 0.0", ""),
            ("ramp as long as its end", "end - start) if", "end) if"),
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
        "algorithms/mean_teacher.py",
        "algorithms/test_mean_teacher.py",
        [
            (
                "labels without noise",
                "noisy(nets.student, x, self.student_noise, step.rng)",
                "nets.student(x)",
            ),
            (
                "noises swapped",
                "perturbed(u_teacher, self.teacher_noise",
                "perturbed(u_teacher, self.student_noise",
            ),
            ("early decay all along", "if step.progress < self.ramp_end else None", ""),
            (
                "early decay one step too long",
                "step.progress < self.ramp_end",
                "step.progress <= self.ramp_end",
            ),
            (
                "early decay of zero forgotten",
                "return self.early_decay if",
                "return (self.early_decay or None) if",
            ),
        ],
    ),
    *mutants(
        "algorithms/pi_model.py",
        "algorithms/test_pi_model.py",
        [
            (
                "the same views twice",
                "torch.cat([*x_again, u_again])",
                "torch.cat([x, u][-len(x_again) - 1 :])",
            ),
            (
                "always one-sided",
                "(compared.detach() if self.one_sided else compared)",
                "compared.detach()",
            ),
            (
                "never one-sided",
                "(compared.detach() if self.one_sided else compared)",
                "compared",
            ),
            ("no noise", "self.noise, step.rng", "0.0, step.rng"),
            (
                "noise in the second pass only",
                "noisy(nets.student, torch.cat([x, u]), self.noise, step.rng)",
                "nets.student(torch.cat([x, u]))",
            ),
            ("a weight at the first step", " * (step.index > 0)", ""),
            ("no ramp", "self.weight * sigmoid_ramp(step.progress, self.ramp_end)", "self.weight"),
            (
                "another ramp",
                "sigmoid_ramp(step.progress, self.ramp_end)",
                "sigmoid_ramp(step.progress, 0.4)",
            ),
            (
                "consistency of the pool only",
                "squared_error(logits_again, q).mean()",
                "squared_error(logits_again, q)[-len(u) :].mean()",
            ),
            (
                "sum for mean",
                "squared_error(logits_again, q).mean()",
                "squared_error(logits_again, q).sum()",
            ),
            (
                "labels in the second pass",
                "cross_entropy(logits[: len(x)]",
                "cross_entropy(logits_again[: len(x)]",
            ),
            (
                "rows compared with others",
                "logits[-len(logits_again) :]",
                "logits[: len(logits_again)]",
            ),
            (
                "the average is the second network",
                "logits_again = noisy(nets.student,",
                "logits_again = noisy(nets.ema,",
            ),
            (
                "a pass that leaves the statistics",
                "logits_again = noisy(nets.student,",
                "logits_again = noisy(nets.student.eval(),",
            ),
        ],
    ),
    *mutants(
        "algorithms/temporal_ensembling.py",
        "algorithms/test_temporal_ensembling.py",
        [
            (
                "targets after the update",
                "q, seen = debiased",
                "z, visits = self.memory.value[index], self.memory.visits[index]\n        q, seen = debiased",
            ),
            ("no start-up correction", "debiased(z, visits, self.momentum)", "z"),
            (
                "correction of one visit",
                "debiased(z, visits, ",
                "debiased(z, visits.clamp(max=1), ",
            ),
            (
                "momentum inverted",
                "self.momentum * z + (1 - self.momentum) * probs",
                "(1 - self.momentum) * z + self.momentum * probs",
            ),
            (
                "two pools in the same rows",
                "self.num_labeled + batch.unlabeled.index",
                "batch.unlabeled.index",
            ),
            ("first visits count", "(seen * squared_error(logits, q))", "squared_error(logits, q)"),
            ("zero visits are some", "visits > 0", "visits >= 0"),
            (
                "mean over the seen rows",
                "(seen * squared_error(logits, q)).mean()",
                "(seen * squared_error(logits, q)).sum() / seen.sum().clamp(min=1)",
            ),
            ("nothing is remembered", "self.memory.store(index, ", "print(index.shape, "),
            ("logits remembered (LAMDA)", "logits.detach().softmax(-1)", "logits.detach()"),
            (
                "consistency of the pool only",
                "* squared_error(logits, q)).mean()",
                "* squared_error(logits, q))[len(x) :].mean()",
            ),
            ("no ramp", "self.weight * sigmoid_ramp(step.progress, self.ramp_end)", "self.weight"),
            ("no noise", "self.noise, step.rng", "0.0, step.rng"),
        ],
    ),
    *mutants(
        "algorithms/ict.py",
        "algorithms/test_ict.py",
        [
            ("the student teaches", "taught = nets.ema(u)", "taught = nets.student(u)"),
            ("whole inputs", "u, q = mix_pairs(u, said", "_, q = mix_pairs(u, said"),
            (
                "whole targets",
                "u, q = mix_pairs(u, said, self.alpha, step.rng)",
                "u, q = mix_pairs(u, said, self.alpha, step.rng)[0], said",
            ),
            ("logits always", 'if self.mixed == "probs" else taught', "if False else taught"),
            ("probabilities sharpened twice", 'if self.mixed == "logits" else q', "if True else q"),
            (
                "labels not mixed",
                "x, y = mix_pairs(x, y, self.alpha, step.rng)",
                "x, _ = mix_pairs(x, y, self.alpha, step.rng)",
            ),
            ("labels always mixed", "if self.mix_labeled:", "if True:"),
            ("gradient into the teacher", "with torch.no_grad():", "with torch.enable_grad():"),
            ("linear ramp", "sigmoid_ramp", "ramp_up"),
            ("no ramp", "self.weight * sigmoid_ramp(step.progress, self.ramp_end)", "self.weight"),
            (
                "student detached",
                "logits_u = nets.student(u)",
                "logits_u = nets.student(u).detach()",
            ),
            (
                "the student's mixed pass updates statistics",
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
        "functional/noise.py",
        "functional/test_noise.py",
        [
            ("variance for deviation", "deviation * noise", "deviation**0.5 * noise"),
            ("uniform", "torch.randn(values.shape", "torch.rand(values.shape"),
            (
                "one draw for the batch",
                "torch.randn(values.shape, generator=rng)",
                "torch.randn(values.shape[1:], generator=rng)",
            ),
            (
                "global generator",
                "torch.randn(values.shape, generator=rng)",
                "torch.randn(values.shape)",
            ),
            (
                "draws by dtype",
                "torch.randn(values.shape, generator=rng)",
                "torch.randn(values.shape, generator=rng, dtype=values.dtype)",
            ),
            ("draws for nothing", "if deviation == 0:", "if torch.rand(1, generator=rng) < 0:"),
        ],
    ),
    *mutants(
        "algorithms/mixmatch.py",
        "algorithms/test_mixmatch.py algorithms/test_realmix.py contract",
        [
            ("uneven parts are interleaved", "recipe.require_equal_parts", "str"),
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
            ("the average guesses", "nets.ema if self.ema_guess", "nets.ema if True"),
            ("the average never guesses", "nets.ema if self.ema_guess", "nets.ema if False"),
            ("the way of mixing forgotten", "step.rng, self.mixing", "step.rng"),
            ("forms swapped", "joint if self.compatibility", "interleaved if self.compatibility"),
            ("a view too few", '("weak",) * self.augmentations', '("weak",) * 2'),
        ],
    ),
    *mutants(
        "algorithms/arazo.py",
        "algorithms/test_arazo.py",
        [
            (
                "today's labels at every visit",
                "self.soft_labels.recall(batch.unlabeled.index, otherwise=q)",
                "q",
            ),
            (
                "rows of the batch for rows of the pool",
                "store(batch.unlabeled.index",
                "store(torch.arange(len(q))",
            ),
            (
                "labels from the weak view",
                "steady(nets.student, plain)",
                "steady(nets.student, weak)",
            ),
            ("the average labels", "steady(nets.student, plain)", "steady(nets.ema, plain)"),
            (
                "labels with dropout and statistics",
                "q = steady(nets.student, plain)",
                "q = nets.student(plain).detach()",
            ),
            ("no warm-up", "step.progress >= self.warm_up", "True"),
            ("warm-up one step longer", ">= self.warm_up", "> self.warm_up"),
            ("regularizers swapped", "self.balance_weight * prior", "self.entropy_weight * prior"),
            ("targets not mixed", "mixed, target = mix_pairs", "mixed, _ = mix_pairs"),
            ("labeled weight forgotten", "self.labeled_weight * y", "y"),
            ("entropy rewarded", "self.entropy_weight * entropy", "-self.entropy_weight * entropy"),
        ],
    ),
    *mutants(
        "algorithms/meta_pseudo_labels.py",
        "algorithms/test_meta_pseudo_labels.py",
        [
            ("sign of the reward", "        h = gain\n", "        h = -gain\n"),
            ("soft labels", 'if self.compatibility == "paper":', "if False:"),
            (
                "the reward after the teacher's step is 0",
                "gain = before - ",
                "gain = before.clone() - before + 0 * ",
            ),
            (
                "the student's labels are not smoothed",
                "smooth(target, self.smoothing)",
                "target",
            ),
            (
                "the student learns labels too",
                "optimizer.minimize(student)",
                "optimizer.minimize(student + cross_entropy(nets.student(x), y).mean())",
            ),
            (
                "the teacher is trained by the student's optimizer",
                'optimizer.apart["teacher"].minimize',
                "optimizer.minimize",
            ),
            ("the student never waits", "if step.progress >= self.wait:", "if True:"),
            ("no finetuning", "if step.progress >= 1 - self.finetune:", "if False:"),
            (
                "UDA target not sharpened",
                "(logits_weak.detach() / self.temperature)",
                "logits_weak.detach()",
            ),
            (
                "UDA target with a gradient",
                "(logits_weak.detach() / self.temperature)",
                "(logits_weak / self.temperature)",
            ),
            ("weak and strong swapped", "weak, strong = batch", "strong, weak = batch"),
            (
                "no ramp",
                "self.weight * ramp_up(step.index, min(self.ramp_steps, step.total))",
                "self.weight",
            ),
            (
                "a ramp longer than the run",
                "min(self.ramp_steps, step.total)",
                "self.ramp_steps",
            ),
            (
                "the moving average forgotten (released)",
                "h = -gain - self.usual_rise.value",
                "h = -gain",
            ),
            (
                "statistics of the labels alone remembered",
                "before = cross_entropy(steady(nets.student, x), y).mean()",
                "before = cross_entropy(nets.student(x), y).mean().detach()",
            ),
        ],
    ),
    *mutants(
        "algorithms/ladder.py",
        "algorithms/test_ladder.py",
        [
            (
                "noisy passes update statistics",
                "with frozen_statistics(student):",
                "if True:",
            ),
            (
                "clean logits in the cross-entropy",
                "cross_entropy(logits_x, y)",
                "cross_entropy(student(x), y)",
            ),
            ("logits for probabilities", "logits_u.softmax(-1)", "logits_u"),
            (
                "weights upside down",
                "zip(weights, costs, strict=True)",
                "zip(weights[::-1], costs, strict=True)",
            ),
            (
                "the labeled rows are denoised",
                "_, logits_x = noisy_pass(student, x",
                "_, logits_x = noisy_pass(student, u[: len(x)]",
            ),
            ("images are not refused", "raise UsageError(", "print("),
            ("statistics of the pool", "student(x)  # evaluation", "student(u)  # evaluation"),
        ],
    ),
    *mutants(
        "functional/denoising.py",
        "functional/test_denoising.py algorithms/test_ladder.py",
        [
            ("variance of a sample", "unbiased=False", "unbiased=True"),
            ("noise after the scale", "layer.weight * added.pop(0)", "added.pop(0)"),
            (
                "noise kept from the layers",
                " + layer.weight * added.pop(0) if added else layer(h)",
                "",
            ),
            (
                "clean scale forgotten",
                "((estimate - mean) / deviation - values)",
                "(estimate - values)",
            ),
            ("clean values stopped", "/ deviation - values)", "/ deviation - values.detach())"),
            (
                "the level above not standardized",
                "standardize(above)[0], a[level]",
                "above, a[level]",
            ),
            (
                "no estimate handed down",
                "above = estimate @ v[level - 1].T if level else above",
                "pass",
            ),
            ("estimates start as the noisy values", "a[[1, 6]] = 1.0", "a[[1, 6, 9]] = 1.0"),
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
            (
                "weak and strong swapped",
                "logits_x, logits_weak, logits_strong = joint",
                "logits_x, logits_strong, logits_weak = joint",
            ),
            (
                "probed by the student",
                "evaluated(nets.ema, probe)",
                "evaluated(nets.student, probe)",
            ),
            ("probed in train mode", "evaluated(nets.ema, probe)", "nets.ema(probe)"),
            ("rates forgotten", ", rates=self.rates.value)", ")"),
            ("feature rows are not refused", "facts.require_images(", "str("),
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
        "algorithms/remixmatch.py",
        "algorithms/test_remixmatch.py",
        [
            (
                "probed by the student",
                "evaluated(nets.ema, probe)",
                "evaluated(nets.student, probe)",
            ),
            ("probed in train mode", "evaluated(nets.ema, probe)", "nets.ema(probe)"),
            ("not aligned", "sharpen(self.aligned(q), self", "sharpen(q, self"),
            (
                "aligned after sharpening",
                "sharpen(self.aligned(q), self.temperature)",
                "self.aligned(sharpen(q, self.temperature))",
            ),
            ("not sharpened", "sharpen(self.aligned(q), self.temperature)", "self.aligned(q)"),
            ("the average guesses", "guess(nets.student", "guess(nets.ema"),
            ("guessed from a strong view", "[weak], temperature", "[strong[0]], temperature"),
            (
                "another strong view is the anchored one",
                "logits_strong = nets.student(strong[0])",
                "logits_strong = nets.student(strong[-1])",
            ),
            (
                "the weak view is the anchored one",
                "logits_strong = nets.student(strong[0])",
                "logits_strong = nets.student(weak)",
            ),
            (
                "the weak view is not mixed in",
                "(x, weak, *strong), targets",
                "(x, *strong, strong[0]), targets",
            ),
            ("the strong term does not ramp", '"strong": ramp * self', '"strong": self'),
            ("the mixed term does not ramp", '"unlabeled": ramp * self', '"unlabeled": self'),
            ("the turns ramp", '"rotation"] = self', '"rotation"] = ramp * self'),
            (
                "weights swapped",
                "ramp * self.weight * unlabeled",
                "ramp * self.strong_weight * unlabeled",
            ),
            (
                "the ramp outlasts a short run",
                "min(self.ramp_steps, step.total)",
                "self.ramp_steps",
            ),
            (
                "the anchored pass updates statistics",
                "with frozen_statistics(nets.student):",
                "if True:",
            ),
            ("turned from the weak view", "self.turn_head, strong[0]", "self.turn_head, weak"),
            (
                "digits are turned",
                "0.0 if why_not_turned(facts.shape, facts.preset) else 0.5",
                "0.5 * facts.is_images",
            ),
            ("turns are not refused", "if self.rotation and (", "if self.rotation is False and ("),
            (
                "the first pass updates",
                "else interleaved_last",
                "else __import__('realmix.functional.forward').functional.forward.interleaved",
            ),
            ("forms swapped", "joint if self.compatibility ==", "joint if self.compatibility !="),
            ("rates forgotten", ", rates=self.rates.value)", ")"),
        ],
    ),
    *mutants(
        "functional/rotation.py",
        "functional/test_rotation.py",
        [
            ("clockwise", "torch.rot90(part, turns,", "torch.rot90(part, -turns,"),
            ("nothing turned", "torch.rot90(part, turns,", "torch.rot90(part, 0,"),
            ("the other axes", "(2, 3)", "(3, 2)"),
            ("random head", "generator=torch.Generator().manual_seed(0)", "generator=None"),
            ("digits turned", '("digits", "symbols")', '("figures",)'),
        ],
    ),
    *mutants(
        "augment/ct_augment.py",
        "augment/test_ct_augment.py",
        [
            ("threshold strictly", "torch.where(p < THRESHOLD", "torch.where(p <= 0.81"),
            ("no threshold", "torch.where(p < THRESHOLD", "torch.where(p < 0.0"),
            ("nothing added to the rates", "(rates + FLOOR) * there", "rates * there"),
            ("bins that are not there", "(rates + FLOOR) * there", "rates + FLOOR"),
            (
                "the best bin alone",
                "p = p / p.amax(-1, keepdim=True)",
                "p = (p >= p.amax(-1, keepdim=True)).float()",
            ),
            (
                "equal chances above the threshold",
                "torch.where(p < THRESHOLD, 0.0, p)",
                "(p >= THRESHOLD).float()",
            ),
            (
                "a bin too far",
                "(level[..., None] >= upto).sum(-1)",
                "(level[..., None] >= upto).sum(-1) + 1",
            ),
            (
                "the middle of the bin",
                "(bins + inside.to(wide(inside))) / counts",
                "(bins + 0.5 + 0 * inside) / counts",
            ),
            ("enhancement of RandAugment", "0.1 + 1.9 * v", "0.1 + 1.8 * v"),
            ("cut to a third", "0.499 * min", "0.333 * min"),
            (
                "translated by pixels",
                "geometry.translate(right=0.3 * s * images.shape[3])",
                "geometry.translate(right=0.3 * s)",
            ),
            (
                "geometry not scaled",
                "motion = (2 * v - 1) * self.geometry_scale",
                "motion = 2 * v - 1",
            ),
            ("rescaling not scaled", "torch.where(rescaled, v * self.geometry_scale, v)", "v"),
            (
                "an effect for part of it",
                "color.part_way(color.invert(images), v[:, 0])",
                "color.invert(images)",
            ),
        ],
    ),
    *mutants(
        "augment/resize.py",
        "augment/test_resize.py",
        [
            ("weights not whole numbers", " * _ONE).round()", " * _ONE)"),
            (
                "rows not rounded in between",
                "values = _rounded(values @ across)",
                "values = values @ across / _ONE",
            ),
            ("outside pixels read", " * ((source >= 0) & (source < count))", ""),
            ("half a pixel off", "source + 0.5 - (target + 0.5)", "source - target"),
        ],
    ),
    *mutants(
        "augment/views.py",
        "augment/test_presets.py",
        [
            (
                "probes are cut out too",
                "return network_input(probed), drawn",
                "return cover(probed, draws), drawn",
            ),
            (
                "learned views are not cut out",
                "cover(learned(images, draws, rates)[0], draws)",
                "network_input(learned(images, draws, rates)[0])",
            ),
        ],
    ),
    *mutants(
        "augment/described.py",
        "augment/test_described.py",
        [
            ("all mirrored", "0.5 if self.mirror", "1.0 if self.mirror"),
            ("symbols mirrored", "mirror: bool = False", "mirror: bool = True"),
            ("half of the shift", "round(side * self.shift)", "round(side * self.shift / 2)"),
            ("grey cutout", "self.cutout, background(images)", "self.cutout, 127"),
            ("erased without cutout", "random_erase if self.cutout else", "random_erase or"),
            ("nothing left out", "for name in augmentation.never", "for name in ()"),
        ],
    ),
    *mutants(
        "evaluate/mirror.py",
        "runs/test_augmentation.py",
        [
            ("the other way round", "mcnemar(mirrored, plain)", "mcnemar(plain, mirrored)"),
            ("mirrored where nothing tells", "self.tells and not harmed", "not harmed"),
            ("not mirrored", ".flip(3)", ".flip(2)"),
        ],
    ),
    *mutants(
        "augment/presets.py",
        "augment/test_presets.py",
        [
            (
                "rates not used",
                "learned(move(images, draws), draws, rates)",
                "learned(move(images, draws), draws, None)",
            ),
            ("digits inverted", '("Solarize", "Invert", "Color")', '("Solarize", "Color")'),
        ],
    ),
    *mutants(
        "augment/views.py",
        "augment/test_presets.py",
        [
            ("erased by each view", "draws.copy, *erasing", "draws, *erasing"),
            ("erased as published", "*erasing), draws))", "0.3, (0.02, 0.4)), draws))"),
        ],
    ),
    *mutants(
        "contract/state.py",
        "contract/test_state.py",
        [
            (
                "rates once a batch",
                "self.decay ** times.sum(0)",
                "self.decay ** times.sum(0).clamp(max=1)",
            ),
            ("distance for match", "(1 - wrong)[:, None]", "wrong[:, None]"),
            ("whole distance", ".abs().sum(1) / 2", ".abs().sum(1)"),
            ("mean over the batch", "/ times.sum(0).clamp(min=1)", "/ len(times)"),
            (
                "one parameter alone",
                "(first * bins + drawn[..., 1:]).flatten(1)",
                "(first * bins + drawn[..., 1:])[..., 0]",
            ),
        ],
    ),
    *mutants(
        "functional/mixing.py",
        "functional/test_mixing.py",
        [
            ("separate crosses over", 'if mixing == "all":', 'if mixing in ("all", "separate"):'),
            (
                "labeled and unlabeled swapped",
                'mixing in ("labeled", "separate")',
                'mixing in ("unlabeled", "separate")',
            ),
            (
                "rows of the other part",
                "torch.cat([one, labeled + other])",
                "torch.cat([one, other])",
            ),
        ],
    ),
    *mutants(
        "functional/forward.py",
        "functional/test_forward.py",
        [
            ("evaluated in train mode", "    net.eval()\n", ""),
            (
                "left in eval mode",
                "    finally:\n        net.train()",
                "    finally:\n        pass",
            ),
            ("the first pass updates", "*parts, updating=-1", "*parts, updating=0"),
            (
                "statistics of noisy inputs",
                "        net(inputs)\n    with",
                "        net(perturbed(inputs, noise, rng))\n    with",
            ),
            (
                "statistics with dropout",
                "with torch.no_grad(), without_dropout(net):\n        net(inputs)",
                "with torch.no_grad():\n        net(inputs)",
            ),
            (
                "noise in the statistics too",
                "    with frozen_statistics(net):\n        logits = net(perturbed",
                "    if True:\n        logits = net(perturbed",
            ),
        ],
    ),
    *mutants(
        "algorithms/flexmatch.py",
        "algorithms/test_flexmatch.py contract",
        [
            (
                "mean over the kept rows",
                "(mask * cross_entropy(logits_strong, q.argmax(-1))).mean()",
                "(mask * cross_entropy(logits_strong, q.argmax(-1))).sum() / mask.sum().clamp(min=1)",
            ),
            (
                "what passes is remembered",
                "q.argmax(-1), confident(q, self.threshold))",
                "q.argmax(-1), mask)",
            ),
            (
                "memory after sharpening (LAMDA)",
                "confident(q, self.threshold)",
                "confident(q**2 / (q**2).sum(-1, keepdim=True), self.threshold)",
            ),
            (
                "counts of after the batch",
                "        effect = learning_effect(",
                "        self.selected.store(batch.unlabeled.index, q.argmax(-1), confident(q, self.threshold))\n        effect = learning_effect(",
            ),
            (
                "examples of no class never count",
                "(self.num_classes), self.warm_up)",
                "(self.num_classes), False)",
            ),
            (
                "examples of no class always count (USB)",
                "(self.num_classes), self.warm_up)",
                "(self.num_classes), True)",
            ),
            (
                "one threshold",
                "mask = per_class(q, thresholds)",
                "mask = confident(q, self.threshold)",
            ),
            ("one curve", "CURVES[self.curve]", 'CURVES["linear"]'),
            (
                "memory by place in the batch",
                "store(batch.unlabeled.index,",
                "store(batch.unlabeled.index.argsort(),",
            ),
            ("weak and strong swapped", "weak, strong = batch", "strong, weak = batch"),
            (
                "strong view detached",
                "cross_entropy(logits_strong, q",
                "cross_entropy(logits_strong.detach(), q",
            ),
            ("weight dropped", "self.weight * (mask", "(mask"),
        ],
    ),
    *mutants(
        "algorithms/freematch.py",
        "algorithms/test_freematch.py contract",
        [
            (
                "mean over the kept rows",
                "(mask * cross_entropy(logits_strong, label)).mean()",
                "(mask * cross_entropy(logits_strong, label)).sum() / mask.sum().clamp(min=1)",
            ),
            ("the start is kept", "early_decay(step.index, self.decay)", "self.decay"),
            (
                "averages of sharpened predictions (LAMDA)",
                "self.confidence.update(q.amax(-1)",
                "self.confidence.update((q**2 / (q**2).sum(-1, keepdim=True)).amax(-1)",
            ),
            (
                "global threshold alone",
                "self.confidence.value * m / m.amax()",
                "self.confidence.value * m / m",
            ),
            ("sum for maximum", "m / m.amax()", "m / m.sum()"),
            (
                "threshold of before the batch",
                "mask = per_class(q, self.confidence.value * m / m.amax())",
                "mask = per_class(q, (self.confidence.value - (1 - decay) * q.amax(-1).mean()) / max(decay, 1e-9) * m / m.amax())",
            ),
            ("shares of probabilities", "one_hot(label, self.num_classes).mean(0)", "q.mean(0)"),
            (
                "fairness turned round",
                "fairness=self.fairness_weight",
                "fairness=-self.fairness_weight",
            ),
            (
                "fairness of all",
                "fairness(logits_strong, mask,",
                "fairness(logits_strong, mask * 0 + 1,",
            ),
            ("fairness of the weak view", "fairness(logits_strong,", "fairness(logits_weak,"),
            ("mean and shares swapped", "mask, m, shares)", "mask, shares, m)"),
            (
                "strong view detached",
                "cross_entropy(logits_strong,",
                "cross_entropy(logits_strong.detach(),",
            ),
            ("weak and strong swapped", "weak, strong = batch", "strong, weak = batch"),
        ],
    ),
    *mutants(
        "algorithms/softmatch.py",
        "algorithms/test_softmatch.py contract",
        [
            ("label after alignment", "q.argmax(-1)", "aligned.argmax(-1)"),
            ("weight before alignment", "(aligned if self.alignment else q)", "q"),
            ("alignment always", "(aligned if self.alignment else q)", "aligned"),
            ("biased variance", "correction=min(1, len(c) - 1)", "correction=0"),
            ("no variance of one example", "correction=min(1, len(c) - 1)", "correction=1"),
            ("the start is kept", "early_decay(step.index, self.decay)", "self.decay"),
            ("one width", "self.variance.value, self.widths)", "self.variance.value, 1.0)"),
            (
                "mean by the sum of the weights",
                "q.argmax(-1))).mean()",
                "q.argmax(-1))).sum() / share.sum()",
            ),
            ("prediction not remembered", "self.prediction.update(q.mean(0), decay)", "pass"),
            (
                "strong view detached",
                "cross_entropy(logits_strong,",
                "cross_entropy(logits_strong.detach(),",
            ),
            ("weak and strong swapped", "weak, strong = batch", "strong, weak = batch"),
        ],
    ),
    *mutants(
        "algorithms/adamatch.py",
        "algorithms/test_adamatch.py contract",
        [
            (
                "mean over the kept rows",
                "(mask * cross_entropy(logits_strong, q.argmax(-1))).mean()",
                "(mask * cross_entropy(logits_strong, q.argmax(-1))).sum() / mask.sum().clamp(min=1)",
            ),
            ("the probe is trained on", "torch.cat([weak, strong])", "torch.cat([weak, *probes])"),
            (
                "one share for an example",
                "torch.rand(logits_x.shape,",
                "torch.rand((len(logits_x), 1),",
            ),
            (
                "no interpolation",
                "(logits_alone - logits_x) * share",
                "(logits_alone - logits_x) * 0",
            ),
            (
                "interpolation turned round",
                "logits_x + (logits_alone - logits_x) * share",
                "logits_alone + (logits_x - logits_alone) * share",
            ),
            (
                "the labeled pass updates statistics",
                "with frozen_statistics(nets.student):",
                "if True:",
            ),
            (
                "the labeled pass is detached",
                "logits_alone = nets.student(x)",
                "logits_alone = nets.student(x).detach()",
            ),
            ("absolute threshold", "self.threshold * p.amax(-1).mean()", "self.threshold"),
            (
                "threshold of the strong view too",
                "logits_x[: len(y)].detach()",
                "logits_x.detach()",
            ),
            (
                "means swapped",
                "self.labeled_mean.value, self.unlabeled_mean.value",
                "self.unlabeled_mean.value, self.labeled_mean.value",
            ),
            (
                "no alignment",
                "q = align(q, self.labeled_mean.value, self.unlabeled_mean.value)",
                "pass",
            ),
            ("the start is kept", "early_decay(step.index, self.decay)", "self.decay"),
            ("linear ramp", "cosine_ramp", "ramp_up"),
            (
                "no ramp",
                "self.weight * cosine_ramp(step.progress, self.ramp_end) * unlabeled",
                "self.weight * unlabeled",
            ),
            (
                "labeled strong view dropped",
                "cross_entropy(logits_x, torch.cat([y, y]))",
                "cross_entropy(logits_x[: len(y)], y)",
            ),
            (
                "strong view detached",
                "cross_entropy(logits_strong,",
                "cross_entropy(logits_strong.detach(),",
            ),
        ],
    ),
    *mutants(
        "algorithms/fixmatch.py",
        "algorithms/test_fixmatch.py",
        [
            ("alignment forgotten", "self.aligned(q) if self.alignment else q", "q"),
            (
                "mask before alignment",
                "        q = self.aligned(q) if self.alignment else q\n        mask = confident(q, self.threshold)\n",
                "        mask = confident(q, self.threshold)\n        q = self.aligned(q) if self.alignment else q\n",
            ),
            (
                "annealing forgotten",
                "annealed_mean(cross_entropy(logits_x, y), eta)",
                "cross_entropy(logits_x, y).mean()",
            ),
            (
                "annealing by another number of classes",
                "logits_x.shape[1], self.annealing",
                "2, self.annealing",
            ),
            (
                "aligned to equal shares",
                "Alignment(facts.class_shares)",
                "Alignment(facts.class_shares * 0 + 1 / facts.num_classes)",
            ),
        ],
    ),
    *mutants(
        "functional/targets.py",
        "functional/test_targets.py",
        [
            (
                "prior and mean swapped",
                "(1e-6 + prior) / (1e-6 + mean)",
                "(1e-6 + mean) / (1e-6 + prior)",
            ),
            (
                "not normalized after alignment",
                "return aligned / aligned.sum(-1, keepdim=True)",
                "return aligned",
            ),
            (
                "division by a class never predicted",
                "(1e-6 + prior) / (1e-6 + mean)",
                "prior / mean",
            ),
        ],
    ),
    *mutants(
        "functional/masks.py",
        "functional/test_masks.py",
        [
            (
                "strict threshold of a class",
                "confidence >= thresholds[label]",
                "confidence > thresholds[label]",
            ),
            (
                "examples of no class ignored",
                "counts.amax().maximum(rest) if warm_up",
                "counts.amax() if warm_up",
            ),
            (
                "examples of no class always (USB)",
                "if warm_up else counts.amax()",
                "if warm_up else counts.amax().maximum(rest)",
            ),
            ("division by nothing learned", "counts / most.clamp(min=1)", "counts / most"),
            ("weight on both sides", ".clamp(max=0)", ""),
            ("width not squared", "-(widths**2)", "-(widths)"),
            (
                "deviation for variance",
                "(2 * variance.clamp(min=1e-12))",
                "(2 * variance.clamp(min=1e-12).sqrt())",
            ),
        ],
    ),
    *mutants(
        "functional/losses.py",
        "functional/test_losses.py",
        [
            ("published scale of KL", "2 * (1 - 1 / num_classes)", "(1 - 1 / num_classes)"),
            ("one class more", "/ num_classes**2 * kl", "/ (num_classes + 1)**2 * kl"),
            (
                "classes without predictions have a log",
                "b.where(b > 0, 1.0).log()",
                "(b + 1e-12).log()",
            ),
            ("ratio not normalized", "return ratio / ratio.sum().clamp(min=1e-6)", "return ratio"),
            ("fairness of all", "(kept * probs).sum(0) / count", "probs.mean(0)"),
            ("tiny shares count", ".where(shares > 1e-6, 0.0)", ""),
            (
                "a learned label at the threshold is dropped",
                "(-loss.detach()).exp() <= threshold",
                "(-loss.detach()).exp() < threshold",
            ),
            (
                "learned labels kept",
                "(-loss.detach()).exp() <= threshold",
                "(-loss.detach()).exp() > threshold",
            ),
        ],
    ),
    *mutants(
        "functional/schedules.py",
        "functional/test_schedules.py",
        [
            (
                "a whole wave",
                "math.cos(math.pi * ramp_up(progress, end))",
                "math.cos(2 * math.pi * ramp_up(progress, end))",
            ),
            ("no early decay", "min(decay, (1 + index) / (10 + index))", "decay"),
        ],
    ),
    *mutants(
        "contract/state.py",
        "contract/test_state.py",
        [
            ("the first class counts", '"amax")', '"amax").clamp(max=0)'),
            ("what is not given is stored", "place.where(given > 0, -1)", "place"),
            (
                "no class is one more",
                "return counts[1:], counts[0]",
                "return counts[:-1], counts[0]",
            ),
            (
                "aligned by this batch too",
                "        aligned = align(probs, self.prior, self.recent.value)\n        self.recent.update(probs.mean(0))\n",
                "        self.recent.update(probs.mean(0))\n        aligned = align(probs, self.prior, self.recent.value)\n",
            ),
            ("recent mean starts at the prior", "torch.full_like(prior, 1 / len(prior))", "prior"),
            (
                "decay of the update ignored",
                "decay = self.decay if decay is None else decay\n        self.value.lerp_",
                "decay = self.decay\n        self.value.lerp_",
            ),
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
                "masked_mean(errors, trusted) if",
                "(trusted * errors).mean() if",
            ),
            (
                "the divisor's names swapped",
                'if self.divisor == "kept" else',
                'if self.divisor == "all" else',
            ),
            (
                "statistics of all",
                'apart if self.statistics == "labeled" else passes',
                "passes",
            ),
            ("held labels train", "trains * unlearned_rule(", "unlearned_rule("),
            ("held labels are mixed in", ", usable=trains", ""),
            ("held labels shape their class", "y * trains[:, None]", "y"),
            ("all scores are references", "known, 1 - trains, pool)", "known, trains, pool)"),
            ("held for ever", "step.progress < UNTIL and", "step.progress <= 1 and"),
            (
                "the pool is scored by its copies",
                '(("weak",) if self.estimates else ())',
                "((copy,) if self.estimates else ())",
            ),
            (
                "mask by the targets",
                "trusted_rule(logits_u, phi)",
                "trusted_rule(torch.cat(target_u).log(), phi)",
            ),
            (
                "mask inverted",
                "trusted = trusted_rule(logits_u, phi)",
                "trusted = 1 - trusted_rule(logits_u, phi)",
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
            (
                "always annealed",
                'if facts.num_labeled <= FEW_LABELS else "off"',
                'if True else "off"',
            ),
            (
                "annealed below the limit alone",
                "num_labeled <= FEW_LABELS",
                "num_labeled < FEW_LABELS",
            ),
            ("annealing as given forgotten", 'if self.annealing == "auto" else self.annealing', ""),
            (
                "erased more often",
                "erase_probability: Share = 0.3",
                "erase_probability: Share = 0.4",
            ),
            ("another area", "most_area: Share = 0.4", "most_area: Share = 0.3"),
        ],
    ),
    *mutants(
        "contract/foreign.py",
        "contract/test_foreign_state.py",
        [
            ("scores are never forgotten", "self.pool.mul_(MEMORY)", "self.pool.mul_(1)"),
            ("rows that train are references", "_counts(known, held)", "_counts(known, held + 1)"),
            ("few references tell", "self.references >= LEAST", "self.references >= 0"),
            ("more than few are needed", "self.references >= LEAST", "self.references > LEAST"),
            (
                "before any score half is foreign",
                "torch.where(self.pool.sum() > 0, share, 0.0)",
                "share",
            ),
            ("a class without rows goes to 0", "torch.where(count > 0, means, self.mean)", "means"),
            ("seen from the origin", "F.normalize(features - self.center", "F.normalize(features"),
            ("the furthest class", ".T).amax(1)", ".T).amin(1)"),
            (
                "the center is the labels'",
                "features[len(x) :].mean(0)",
                "features[: len(x)].mean(0)",
            ),
        ],
    ),
    *mutants(
        "functional/foreign/share.py",
        "functional/foreign/test_foreign.py",
        [
            ("the first interval that holds it", "length.argmin()", "0"),
            ("no hundredth on either side", "(SHARES[1] - SHARES[0]) / 2", "0.0"),
            (
                "worth counts for nothing",
                "worth * given * given.sum()",
                "WORTH * given * given.sum()",
            ),
            ("doubt counts for nothing", "- belief) / doubt)", "- belief) / DOUBT)"),
        ],
    ),
    *mutants(
        "auditing/examine.py",
        "auditing/test_pool_shares.py",
        [
            (
                "classes are as among the labels",
                "told(places, shares_by_em(reading.pool, given, inside))",
                "told(places)",
            ),
            (
                "foreign rows count for the classes",
                "np.maximum(1 - foreign.probability, SELDOM)",
                "inside",
            ),
        ],
    ),
    *mutants(
        "functional/foreign/online.py",
        "contract/test_foreign_state.py",
        [
            (
                "the best bin is the lowest",
                "1 - seen.cumsum(0) + seen / 2",
                "seen.cumsum(0) - seen / 2",
            ),
            ("no belief in a separation", " + log_prior).flatten()", ").flatten()"),
            ("rows count whatever there are", "WORTH * references * known /", "WORTH * known /"),
        ],
    ),
    *mutants(
        "training/fix_a_step.py",
        "training/test_fix_a_step.py",
        [
            ("what agrees is left out", "product < 0", "product > 0"),
            ("nothing is left out", "product < 0", "product < -1e9"),
            ("the product with the whole", "(own * (whole - own)).sum()", "(own * whole).sum()"),
            (
                "a product for each parameter",
                "torch.where(product < 0, own",
                "torch.where((own * (whole - own)).sum() < 0, own",
            ),
            (
                "guesses are not sharpened",
                "ALPHA, TEMPERATURE = 0.75, 0.5",
                "ALPHA, TEMPERATURE = 0.75, 1.0",
            ),
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
                "(rank + 1 > dropped",
                "(rank > dropped",
            ),
            (
                "most confident dropped",
                "score.detach().argsort(stable=True)",
                "score.detach().argsort(stable=True, descending=True)",
            ),
            (
                "rounding",
                "dropped * len(score) + 1e-6)",
                "dropped * len(score))",
            ),
            (
                "largest logit for confidence",
                "return largest(logits.softmax(-1).amax(-1)",
                "return largest(logits.amax(-1)",
            ),
            (
                "released one off",
                "confidence > confidence.sort()",
                "confidence >= confidence.sort()",
            ),
            (
                "released at one",
                "torch.full_like(confidence, float(dropped == 0))",
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
        "functional/test_mixing.py",
        [
            (
                "pairs keep the larger share",
                "share = beta(alpha, 1, rng).expand",
                "share = larger_share(beta(alpha, 1, rng)).expand",
            ),
            (
                "pairs with a share each",
                "beta(alpha, 1, rng).expand(len(inputs))",
                "beta(alpha, len(inputs), rng)",
            ),
            (
                "targets of pairs keep their rows",
                "mixup(targets, partner, share)\n\n\ndef mix_together",
                "targets\n\n\ndef mix_together",
            ),
        ],
    ),
    *mutants(
        "functional/targets.py",
        "functional/test_targets.py",
        [
            (
                "bias of one visit",
                "momentum ** visits.clamp(min=1)",
                "momentum ** visits.clamp(max=1)",
            ),
            ("zero by zero", "momentum ** visits.clamp(min=1)", "momentum ** visits"),
            (
                "bias of one visit more",
                "momentum ** visits.clamp(min=1)",
                "momentum ** (visits + 1)",
            ),
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
                "nullcontext() if updates else frozen_statistics(net)",
                "nullcontext()",
            ),
            (
                "remainder to the first pieces",
                "(piece >= count - size % count)",
                "(piece < size % count)",
            ),
        ],
    ),
    *mutants(
        "contract/state.py",
        "contract/test_state.py",
        [
            (
                "decay inverted",
                "avg_fn(min(decay, (1 + step) / (10 + step)))",
                "avg_fn(1 - min(decay, (1 + step) / (10 + step)))",
            ),
            ("own decay ignored", "self.decay if decay is None else decay", "self.decay"),
            (
                "own decay of zero ignored",
                "self.decay if decay is None else decay",
                "decay or self.decay",
            ),
            ("no warm-up", "min(decay, (1 + step) / (10 + step))", "decay"),
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
        "training/optimizer.py",
        "training/test_optimizer.py",
        [
            ("weight decay on all", '"weight_decay": 0.0', '"weight_decay": recipe.weight_decay'),
            (
                "weight decay on biases only",
                "kernels, others = [p for p in here if p.ndim > 1], [p for p in here if p.ndim <= 1]",
                "kernels, others = [p for p in here if p.ndim <= 1], [p for p in here if p.ndim > 1]",
            ),
            ("decay as an L2 term", "torch.optim.AdamW(", "torch.optim.Adam("),
            ("no Nesterov", "nesterov=True", "nesterov=False"),
            ("gradients pile up", "self.torch.zero_grad(set_to_none=True)", "pass"),
            ("no schedule", 'group["lr"] = rate * group["share"]', "pass"),
            ("all layers alike", 'group["lr"] = rate * group["share"]', 'group["lr"] = rate'),
            ("no warm-up", "rate *= ramp_up(progress, recipe.rate_warm_up)", "pass"),
            (
                "the top decays most",
                "recipe.layer_decay**depth",
                "recipe.layer_decay ** (3 - depth)",
            ),
            (
                "one group annealed",
                "for group in self.torch.param_groups:\n            group",
                "for group in self.torch.param_groups[:1]:\n            group",
            ),
        ],
    ),
    *mutants(
        "training/optimizer.py",
        "training/test_optimizer.py contract",
        [
            ("momentum forgotten on resume", '"state": memory', '"state": {}'),
        ],
    ),
    *mutants(
        "base/memory.py",
        "base/test_memory.py",
        [
            ("large blocks are mapped anew", "2**31 - 1, 2**30", "2**31 - 1, 2**20"),
            (
                "kept for ever",
                "        _set(glibc, _USUAL)\n        glibc.malloc_trim(0)",
                "        pass",
            ),
            ("not given back", "        glibc.malloc_trim(0)\n", ""),
        ],
    ),
    *mutants(
        "comparison/results.py",
        "comparison/test_compare.py",
        [
            ("one draw proves a lead", "if setting in self.undrawn:\n", "if False:\n"),
            ("one draw ranks as many", "seeds[: 1 if setting in self.undrawn else None]", "seeds"),
        ],
    ),
    *mutants(
        "comparison/cells.py",
        "comparison/test_compare.py::test_seeds_that_draw_nothing_prove_nothing",
        [("other labels are the same", "(one.label, other.label), ", "")],
    ),
    *mutants(
        "report/report.html",
        "report/test_page.py",
        [
            ("folds that are not drawn", "{% if false in drawn %}", "{% if true %}"),
            ("whose curves", '" (supervised)" if', '"" if'),
        ],
    ),
    *mutants(
        "report/galleries.py",
        "report/test_report_pictures.py",
        [
            ("deep ones by their own range", " and not read_header(Path(name)).deep", ""),
            (
                "small pictures are labeled",
                "plots.photo(found)",
                "plots.tile(picture, side)",
            ),
        ],
    ),
    *mutants(
        "encoders/pictures.py",
        "runs/test_encoding.py::test_an_encoder_sees_more_than_8_bits_by_the_scale_of_the_set",
        [
            ("deep ones by their own range", "(3, side, side), self.scale)", "(3, side, side))"),
            (
                "kept as if by another scale",
                'mark = b"" if self.scale is None else repr(self.scale).encode()',
                'mark = b""',
            ),
            ("some without a scale", "for row in rows), scale=self.scale)", "for row in rows))"),
        ],
    ),
    *mutants(
        "data/mixed/written.py",
        "data/mixed/test_mixed_columns.py",
        [
            ("two units are told", "if len(units) > 1 or", "if"),
            (
                "a thousand may be one",
                "if len(units) > 1 or (either and usual is None):",
                "if len(units) > 1:",
            ),
            ("spaces tell", 'not (marks or either or units - {""})', "False"),
            ("grams are kilograms", "(found[2] or found[5] or unit) != unit", "False"),
        ],
    ),
    *mutants(
        "data/mixed/cells.py",
        "data/mixed/test_mixed_columns.py data/mixed/test_mixed_tables.py",
        [
            (
                "1.000 becomes 1",
                "if not as_text and told(written := _written(cells)):",
                "if False:",
            ),
            (
                "the pool is read anew",
                '"written" if column.dtype == object and told(column, ".")',
                "False if 0",
            ),
        ],
    ),
    *mutants(
        "data/mixed/join.py",
        "data/mixed/test_arrays_with_blanks.py",
        [
            (
                "blanks of test rows stay",
                "for part in ready if part.inputs is not None",
                "for part in parts",
            )
        ],
    ),
    *mutants(
        "data/pixels/formats.py",
        "data/reading/test_decode.py",
        [
            ("progressive photos are huge", ' and "progressive" not in image.info', ""),
            ("large photos are refused", "MAX_JPEG_PIXELS if _decodes_smaller(image) else", ""),
        ],
    ),
    *mutants(
        "base/hub.py",
        "base/test_hub.py",
        [
            ("proxies are passed by", "if urllib.request.getproxies():", "if False:"),
            ("offline for ever", "constants.HF_HUB_OFFLINE = False", "pass"),
            (
                "the hub is always asked",
                "if constants.HF_HUB_OFFLINE or _answers(",
                "if True or _answers(",
            ),
        ],
    ),
    *mutants(
        "estimators/inputs.py",
        "estimators/test_data_frames.py",
        [("blanks are zero", "np.where(blank, medians, rows)", "np.where(blank, 0, rows)")],
    ),
    *mutants(
        "estimators/others.py",
        "estimators/test_data_frames.py",
        [
            (
                "whole numbers become fractions",
                'not isinstance(getattr(y, "dtype", None), np.dtype)',
                "False",
            )
        ],
    ),
    *mutants(
        "data/cells/parquet.py",
        "data/cells/test_parquet.py",
        [
            ("-1 is a class", "v is None or v == -1", "v is None"),
            ("lists are text", "types.is_nested, types.is_fixed", "types.is_fixed"),
        ],
    ),
    *mutants(
        "data/cells/inside.py",
        "data/cells/test_parquet.py",
        [
            ("sounds are pictures", "and not known", "and False"),
            ("the first cell decides", "_LOOKED_AT = 20", "_LOOKED_AT = 1"),
            ("half a file is whole", " and file.stat().st_size == len(data)", ""),
            ("an empty vector is none", "rows[there] =", "rows[:] ="),
        ],
    ),
    *mutants(
        "data/reading/shards.py",
        "data/reading/test_shards.py",
        [
            ("a pool has labels", "shared.pop(label_column, None)", "pass"),
            ("validation is the test set", 'parts.get("test") or', ""),
            ("numbers are names", '_NUMBERED.sub("", stem)', "stem"),
            ("arrays beside are no data", "(alone and other)", "False"),
            (
                "a test part without labels is lost",
                "table = with_pool(table, exam,",
                "with_pool(table, exam,",
            ),
            ("any table is passed over", "if columns >= set", "if not columns >= set"),
        ],
    ),
    *mutants(
        "data/cells/csv_text.py",
        "data/cells/test_csv_text.py",
        [
            (
                "comments are rows",
                "return above if any(map(str.strip, above)) else []",
                "return []",
            ),
            (
                "a header that begins with # is none",
                "above[:-1] if header == first > 1 else above",
                "above",
            ),
            ("lines are numbered below comments", '"\\n" * len(above) + text', "text"),
            ("bars are characters", '",;\\t|"', '",;\\t"'),
        ],
    ),
    *mutants(
        "encoders/joined.py",
        "encoders/test_joined.py",
        [
            ("what is fitted reads banks", "if not each.state]", "]"),
            ("blocks overwrite each other", "found[seen] =", "found[:BLOCK] ="),
            ("all states have one name", 'f"{place}.{name}": value', "name: value"),
        ],
    ),
    *mutants(
        "encoders/texts/chosen.py",
        "encoders/texts/test_chosen.py",
        [
            ("few texts are enough", "len(read) < FEW or ", ""),
            ("short texts are enough", " or sum(map(len, read)) < LITTLE", ""),
            ("e5 is as quick as the others", " if name != E5]", "]"),
            ("short texts are long", "2 * longer > len(read)", "2 * longer >= len(read) - 1"),
            ("other languages are for minilm", "if strange and E5 in there:", "if False:"),
        ],
    ),
    *mutants(
        "encoders/texts/e5.py",
        "encoders/texts/test_e5.py",
        [
            ("no prefix", 'single="<s> prefix $A </s>"', 'single="<s> $A </s>"'),
            ("signs stay as they are", "normalizers.NFKC(), ", ""),
            ("what ends early is read", "if len(found) != (", "if False and ("),
        ],
    ),
    *mutants(
        "encoders/texts/packed.py",
        "encoders/texts/test_e5.py",
        [
            ("halves exchanged", "[blocks & 15, blocks >> 4]", "[blocks >> 4, blocks & 15]"),
            ("no number is negative", ".float() - 8", ".float()"),
        ],
    ),
    *mutants(
        "runs/climb/encoders.py",
        "runs/test_encoders_in_time.py",
        [
            ("a bank does not matter", " or seen.bank:", ":"),
            ("a reader is chosen anew", 'begun.get("encoder") or quick', "quick"),
            ("long texts have e5 alone", "e5_to_learn_from(read), ", "E5, "),
        ],
    ),
    *mutants(
        "runs/choose.py",
        "runs/test_choose.py",
        [("features trust nobody", "found._replace(trusted=LINEAR) if alone", "found if alone")],
    ),
    *mutants(
        "models/tuned/texts.py",
        "runs/test_tuned_texts.py",
        [("auto is tuned by what begins", "best_to_train() if name == AUTO", "'minilm' if False")],
    ),
    *mutants(
        "encoders/texts/tfidf.py",
        "encoders/texts/test_tfidf.py",
        [("words must be parted", "with suppress(ValueError):", "with suppress(KeyError):")],
    ),
    *mutants(
        "runs/pool/sentences.py",
        "runs/test_written.py",
        [
            (
                "a bank changes who reads",
                "encoder=encoding.encoder.reference.name)",
                "encoder=config.encoder)",
            ),
            (
                "what is fitted reads the bank",
                "reader = unfitted(encoding.encoder)",
                "reader = encoding.encoder",
            ),
        ],
    ),
    *mutants(
        "data/folders/named.py",
        "data/reading/test_tables.py",
        [
            (
                "only path names images",
                "return next((name for name in named",
                "return None and next((name for name in named",
            ),
            ("files need not be there", " and file.is_file() for", " for"),
            ("files outside are images", "(_is_inside(file, root) and ", "("),
            ("folders have no names", "if len(named) == 1 else", "if False else"),
            ("numbers name images", " and not all(map(NUMBER.fullmatch, cells))", ""),
            ("any of several folders", "best[0] if len(best) == 1 else", "best[0] if best else"),
            (
                "missing ones are not told of",
                "for name in _with_endings(table, names):\n        first",
                "for name in ():\n        first",
            ),
        ],
    ),
    *mutants(
        "report/evidence.py",
        "report/test_report_pictures.py",
        [("copies are shown", " == np.arange(len(few))", " >= 0")],
    ),
    *mutants(
        "base/randomness.py",
        "base/test_randomness.py",
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
            ("order of an address", "len(address), *address)", "len(address), *sorted(address))"),
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
            ("each view has a copy of its own", "Draws(copy_key))", "None)"),
            (
                "a copy for good",
                "keys(derive(seed, COPY, stream, step)",
                "keys(derive(seed, COPY, stream)",
            ),
            (
                "copies of both streams alike",
                "derive(seed, COPY, stream, step)",
                "derive(seed, COPY, step)",
            ),
            (
                "copies of both seeds alike",
                "derive(seed, COPY, stream, step)",
                "derive(COPY, stream, step)",
            ),
            ("erasing forgotten", "CUTOUT: (views.erasing,)", "CUTOUT: (None,)"),
            ("originals only", "len(pool) * max(copies, 1)", "len(pool)"),
            ("labels out of order", "pool.label[row]", "pool.label[row.flip(0)]"),
        ],
    ),
    *mutants(
        "models/__init__.py",
        "models",
        [
            ("global generator", "with torch.random.fork_rng(devices=[]):", "if True:"),
            ("seed ignored", "generator.manual_seed(derive(seed))", "generator.manual_seed(0)"),
        ],
    ),
    *mutants(
        "models/wide_resnet.py",
        "models",
        [
            ("fan-in", "* module.out_channels", "* module.in_channels"),
            ("residual dropped", "return kept + skip(", "return kept + 0 * skip("),
            ("raw input to the first convolution", "self.conv1(activated)", "self.conv1(x)"),
            ("every shortcut activated", "if self.activate_first else x", "if True else x"),
        ],
    ),
    *mutants(
        "contract/algorithm.py",
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
        "contract/method.py",
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
        "contract/algorithm.py",
        "algorithms",
        [
            ("progress one late", "self.index / self.total", "(self.index + 1) / self.total"),
        ],
    ),
    *mutants(
        "training/trainer.py",
        "contract",
        [
            ("average not saved", 'self.nets.ema.load_state_dict(part("ema"))', "pass"),
            (
                "step not restored",
                'self.step, self._spent = header["step"],',
                "self.step, self._spent = 0,",
            ),
        ],
    ),
    *mutants(
        "training/trainer.py",
        "training/test_statistics.py",
        [("momentum of the layer", "follow_weights(network).to(", "network.to(")],
    ),
    *mutants(
        "functional/forward.py",
        "training/test_statistics.py",
        [("ten batches", "MOMENTUM = 0.5", "MOMENTUM = 0.1")],
    ),
    *mutants(
        "training/trainer.py",
        "training/test_trainer.py",
        [
            ("the recipe's decay always", ", self.algorithm.ema_decay(step))", ")"),
        ],
    ),
    *mutants(
        "training/trainer.py",
        "contract training/test_trainer.py",
        [
            (
                "one noise for all steps",
                "generator(self.seed, NOISE, self.step)",
                "generator(self.seed, NOISE)",
            ),
        ],
    ),
    *mutants(
        "contract/state.py",
        "contract/test_state.py",
        [
            (
                "running mean turned round",
                "value.to(self.value.dtype), 1 - decay",
                "value.to(self.value.dtype), decay",
            ),
            ("place does not advance", "self.place.add_(1)", "self.place.add_(0)"),
            (
                "place not remembered",
                "torch.zeros(1, dtype=torch.int64))",
                "torch.zeros(1, dtype=torch.int64), persistent=False)",
            ),
            (
                "recent vectors start at zero",
                "start.repeat(length, 1)",
                "0 * start.repeat(length, 1)",
            ),
            ("twice in a batch adds up", "(rows / times)", "rows"),
            ("old rows stay in the sum", "self.value.index_fill_(0, index, 0.0)", "pass"),
            (
                "twice in a batch is two visits",
                "self.visits.index_copy_(0, index, self.visits[index] + 1)",
                "self.visits.index_add_(0, index, torch.ones(len(index)))",
            ),
        ],
    ),
    *mutants(
        "training/optimizer.py",
        "training/test_optimizer.py",
        [
            ("those apart not annealed", "other.anneal(progress)", "pass"),
            ("those apart not saved", 'own |= {f"{apart}.{key}"', 'own or {f"{apart}.{key}"'),
            ("keys clash", '{f"{apart}.{key}": value for', "{key: value for"),
            ("those apart trained twice", " and id(p) not in theirs]", "]"),
        ],
    ),
    *mutants(
        "training/trainer.py",
        "training/test_optimizer.py",
        [
            (
                "an algorithm's own parameters left alone",
                "Optimizer([self.student, algorithm]",
                "Optimizer([self.student, *algorithm.children()]",
            ),
        ],
    ),
    *mutants(
        "training/optimizer.py",
        "training/test_parallel.py::test_every_network_and_head_has_the_gradients_of_one_process",
        [
            (
                "gradients of heads summed",
                "p.grad for p in self.divided",
                "p.grad for p in self.parameters",
            ),
            (
                "gradients of networks not summed",
                "p.grad for p in self.divided",
                "p.grad for p in self.divided[:0]",
            ),
        ],
    ),
    *mutants(
        "training/parallel.py",
        "training/test_parallel.py::test_what_comes_before_the_network_has_the_gradient_of_all_rows",
        [
            (
                "input gradients of own rows only",
                "count > 1 and inputs.requires_grad",
                "False",
            ),
            (
                "input gradients all in place of own",
                "total[ctx.rows] = gradients[0]",
                "total[: len(gradients[0])] = gradients[0]",
            ),
        ],
    ),
    *mutants(
        "training/parallel.py",
        "training/test_parallel.py::test_all_processes_have_what_one_computes",
        [("rows out of order", "everyone[ctx.rows] = own", "everyone[ctx.rows] = own.flip(0)")],
    ),
    *mutants(
        "models/head.py",
        "models/test_dropout.py",
        [
            ("dropout in evaluation", "self.dropout, self.training", "self.dropout, True"),
            ("no dropout", "F.dropout(features, self.dropout, self.training)", "features"),
        ],
    ),
    *mutants(
        "models/wide_resnet.py",
        "models/test_dropout.py",
        [
            ("units skipped in evaluation", "if not training or share == 0", "if share == 0"),
            ("skipped sums not made up for", "values * kept / (1 - share)", "values * kept"),
            ("one draw a batch", "torch.rand(len(values), 1,", "torch.rand(1, 1,"),
            ("the first unit is never skipped", "range(1, count + 1)]", "range(count)]"),
        ],
    ),
    *mutants(
        "models/timm_models.py",
        "models/test_dropout.py",
        [
            ("features after the head", "pre_logits=True", "pre_logits=False"),
            ("units to skip insisted on", 'if key != "drop_path_rate"', "if key"),
            ("two heads taken", "if not isinstance(network.head, nn.Module):", "if False:"),
        ],
    ),
    *mutants(
        "data/pools.py",
        "data/test_pools.py",
        [
            ("two values are codes", "3 <= len(np", "2 <= len(np"),
            ("a code too few", "<= MOST_CODES", "< MOST_CODES"),
            ("fractions are codes", "and np.array_equal(column, column.round())", ""),
            (
                "soft labels hardened",
                "label.float() if label.ndim > 1",
                "one_hot(label.argmax(1), self.num_classes) if label.ndim > 1",
            ),
        ],
    ),
    *mutants(
        "training/stages.py",
        "training/test_stages.py",
        [
            (
                "one seed for all stages",
                "derive(self.seed, number) if number else self.seed",
                "self.seed",
            ),
            (
                "another first seed",
                "derive(self.seed, number) if number else self.seed",
                "derive(self.seed, number)",
            ),
            ("stages start again", "        trainer.resume()\n", ""),
            ("each piece begins", " and trainer not in self.begun", ""),
            (
                "finished stages begin",
                "if trainer.step < goal and not trainer.ended and trainer not",
                "if trainer not",
            ),
            ("a stop goes unnoticed", "            raise Interrupted\n", "            pass\n"),
            ("steps of a stage alone", '"step": self.steps_done, ', ""),
            ("seconds of a stage alone", ', "seconds": self.seconds}', "}"),
            ("the copy is the network", "copy.deepcopy(inner)", "inner"),
            ("no steps are all", "self.steps if steps is None else steps", "steps or self.steps"),
        ],
    ),
    *mutants(
        "training/settled.py",
        "training/test_settled.py",
        [
            ("one look is enough", "int(self.calm) >= CALM", "int(self.calm) >= 1"),
            ("labels need not be learned", "< LOW", "< 99"),
            ("pool need not be calm", "<= CHANGED", "<= 1"),
            ("the loss is the last one", "self.loss += loss.detach()", "self.loss.copy_(loss)"),
            ("calm stays", "else -self.calm", "else 0"),
            ("the first rows alone", "spaced.to(pool.device)", "torch.arange(len(spaced))"),
        ],
    ),
    *mutants(
        "training/trainer.py",
        "training/test_settled.py",
        [
            ("a warm end is cut", 'and self.recipe.schedule == "constant" ', ""),
            ("what was seen is forgotten", 'self.settled.load_state_dict(part("settled"))', "pass"),
            ("its end is not recorded", " or self.ended", ""),
        ],
    ),
    *mutants(
        "training/distillation.py",
        "training/test_distillation.py",
        [
            ("the pool weighs nothing", "self.ratio * cross", "0 * cross"),
            ("the label is the pool's", "label=taught.to(stages.device)", "weak=None"),
        ],
    ),
    *mutants(
        "training/trainer.py",
        "training/test_stages.py",
        [
            ("the clock runs on", "self._spent, self._began = self.seconds, None", "pass"),
            (
                "what was spent before forgotten",
                '= header["step"], header["seconds"]',
                '= header["step"], 0.0',
            ),
        ],
    ),
    *mutants(
        "runs/phases.py",
        "training/test_stages.py",
        [
            ("a training found done is not told", "if not stages.begun or", "if"),
            ("an early end is not told", " or stages.steps_done < length", ""),
        ],
    ),
    *mutants(
        "command/console.py",
        "command/test_console.py",
        [
            (
                "what was found done is fast",
                "if self._fresh and self.name != name and not",
                "if self.name and self.name != name and not",
            ),
            ("fits take no time", "times * costs.get", "bool(steps) * times * costs.get"),
            (
                "time of the last stage alone",
                "        if name != self.name:\n            self._opened",
                "        if True:\n            self._opened",
            ),
        ],
    ),
    *mutants(
        "functional/selection.py",
        "functional/test_selection.py",
        [
            (
                "the threshold is enough",
                "confidence[order] > threshold",
                "confidence[order] >= threshold",
            ),
            (
                "no quota of a class",
                "[order[label[order] == c][:most]] = True",
                "[order[label[order] == c]] = True",
            ),
            (
                "the least confident",
                "confidence.argsort(descending=True, stable=True)\n    order = order[conf",
                "confidence.argsort(stable=True)\n    order = order[conf",
            ),
            ("labeled rows compete", "torch.where((start < 0)[:, None], probs, -1.0)", "probs"),
            (
                "labels are renewed",
                "torch.full_like(label, -1) if recompute else label",
                "torch.full_like(label, -1)",
            ),
            ("never recomputed", "torch.full_like(label, -1) if recompute else label", "label"),
            (
                "one copy too many",
                "repeat_interleave(math.floor(copies) + more.long())",
                "repeat_interleave(math.floor(copies) + 1)",
            ),
            (
                "no further copies",
                "repeat_interleave(math.floor(copies) + more.long())",
                "repeat_interleave(math.floor(copies) + 0 * more.long())",
            ),
            ("rows that are not chosen", "order[rows[order]], []", "order, []"),
            (
                "only predicted classes",
                "probs.argsort(dim=0",
                "probs.where(probs == probs.amax(1, keepdim=True), 0).argsort(dim=0",
            ),
            (
                "quota rounded down",
                "math.ceil(count / (num_classes * rounds))",
                "count // (num_classes * rounds)",
            ),
        ],
    ),
    *mutants(
        "procedures/self_training.py",
        "procedures/test_self_training.py",
        [
            (
                "true labels are replaced",
                "torch.cat([known.label, label[taken]])",
                "torch.cat([known.label * 0, label[taken]])",
            ),
            (
                "the quota does not grow",
                "number * per_class if self.recompute",
                "per_class if self.recompute",
            ),
            ("all in one round", "data.num_classes, self.rounds)", "data.num_classes)"),
            ("it never ends early", "if torch.equal(label, before):", "if False:"),
            ("the labels are lost", "data=with_pseudo_labels(data, label)", "data=data"),
            ("a threshold of nothing", "k, self.threshold, self", "k, 0.0, self"),
        ],
    ),
    *mutants(
        "estimators/self_training_classifier.py",
        "estimators/test_self_training_classifier.py",
        [
            ("quota of one round", "len(self.classes_), self.rounds)", "len(self.classes_))"),
            ("the quota does not grow", "k = k * number if self.recompute else k", "pass"),
            ("threshold ignored", "int(k), float(self.threshold)", "int(k), 0.0"),
            ("codes instead of classes", "self.classes_[label[rows]])", "label[rows])"),
            ("the given classifier is fitted", "clone(self.estimator)", "self.estimator"),
            (
                "the first round is forgotten",
                "first = (found >= 0) & (self.labeled_iter_[pool] < 0)",
                "first = found >= 0",
            ),
        ],
    ),
    *mutants(
        "procedures/noisy_student.py",
        "procedures/test_noisy_student.py",
        [
            ("one mean", "self.ratio * cross_entropy", "cross_entropy"),
            (
                "labels not smoothed",
                "smooth(one_hot(x.label, self.num_classes), self.smoothing)",
                "one_hot(x.label, self.num_classes)",
            ),
            (
                "hard labels not smoothed",
                "smooth(one_hot(probs.argmax(-1), data.num_classes), self.smoothing)",
                "one_hot(probs.argmax(-1), data.num_classes)",
            ),
            ("a student without noise", "recipe=noisy,", "recipe=stages.recipe,"),
            (
                "a threshold that must be exceeded",
                "probs.amax(-1) >= self.threshold",
                "probs.amax(-1) > self.threshold",
            ),
            ("hard for soft", "probs if self.soft else hard", "hard if self.soft else probs"),
            (
                "labels of other rows",
                "(probs if self.soft else hard)[rows]",
                "(probs if self.soft else hard)[rows.flip(0)]",
            ),
            ("the base's recipe ignored", '"teacher", recipe=recipe)', '"teacher")'),
            ("the student's network ignored", "model=self.student,", ""),
            (
                "the first teacher for all",
                "network = stages.train(\n                Noised",
                "_ = stages.train(\n                Noised",
            ),
            (
                "a pass each",
                "joint(nets.student, *x.views, *u.views)",
                "[nets.student(view) for view in (*x.views, *u.views)]",
            ),
            ("a base's objections ignored", "base_class(self.base, self)().check(facts)", "pass"),
        ],
    ),
    *mutants(
        "procedures/base.py",
        "procedures/test_noisy_student.py procedures/test_in_domain.py",
        [
            ("the run's changes are lost", "dataclasses.replace(own, **changed)", "own"),
            ("the whole run's recipe", "dataclasses.replace(own, **changed)", "run"),
        ],
    ),
    *mutants(
        "runs/networks.py",
        "procedures/test_noisy_student.py",
        [
            (
                "a stage's dropout is lost",
                "options = recipe.dropout, recipe.stoch",
                "options = self.recipe.dropout, recipe.stoch",
            )
        ],
    ),
    *mutants(
        "models/tuned/tuning.py",
        "models/test_tuning.py",
        [
            ("BatchNorm by the batch", "network.still = True", "network.still = False"),
            ("head trains everything", 'if kind != "all":', 'if kind == "lora":'),
            ("last is a norm alone", "values[name].ndim > 1", "values[name].ndim > 0"),
            ("additions of one seed", "generator(seed)", "generator(0)"),
        ],
    ),
    *mutants(
        "models/tuned/adapters.py",
        "models/test_tuning.py",
        [
            (
                "additions from the start",
                "torch.zeros(shape[0], rank)",
                "torch.ones(shape[0], rank)",
            ),
            ("merged by autocast", "enabled=False", "enabled=True"),
            ("attention forgotten", 'yield part, "in_proj_weight"', "pass"),
            ("small ones too", "if adapted < LEAST * total:", "if adapted < 0:"),
        ],
    ),
    *mutants(
        "models/tuned/network.py",
        "models/test_tuning.py",
        [
            ("features of any length", "F.normalize(found, dim=1).mul", "found.mul"),
            ("a body that moves", "if self.still:", "if False:"),
            (
                "depths from below",
                "enumerate(reversed(self.layers), 1)",
                "enumerate(self.layers, 1)",
            ),
        ],
    ),
    *mutants(
        "models/tuned/texts.py",
        "runs/test_tuned_texts.py",
        [
            ("padding is read", "given = tokens != NOTHING", "given = tokens == tokens"),
            ("a text of nothing", "given[:, 0] = True", "pass"),
            ("cut at the shortest", "int(given.sum(1).max())", "int(given.sum(1).min())"),
            ("every encoder trains", "if trains(found):", "if True:"),
        ],
    ),
    *mutants(
        "data/texts/tokens.py",
        "runs/test_tuned_texts.py",
        [
            ("the wrong end", 'direction="left" if last', 'direction="right" if last'),
            ("no ends of texts", "add_special_tokens=self.special", "add_special_tokens=False"),
        ],
    ),
    *mutants(
        "encoders/texts/written.py",
        "runs/test_tuned_texts.py",
        [("views of one text", "self.texts[row], key_of", "self.texts[rows[0]], key_of")],
    ),
    *mutants(
        "encoders/texts/written.py",
        "encoders/test_joined.py",
        [
            ("fitted features are kept", "self.keeps and not self.encoder.state", "self.keeps"),
            ("what is kept is missing", "if not part.encoder.state]", "]"),
        ],
    ),
    *mutants(
        "contract/method.py",
        "runs/test_tuned_texts.py",
        [
            ("numbers of words are mixed", "if self.mixed_labels:", "if False:"),
            ("numbers of words are moved", "return len(self.shape) == 2", "return False"),
        ],
    ),
    *mutants(
        "data/class_numbers.py",
        "data/test_class_numbers.py",
        [
            ("rare classes weigh less", "(scale * each)", "(scale / each)"),
            ("balanced by counts alone", "len(label) / (len(classes) *", "1 / (len(classes) *"),
        ],
    ),
    *mutants(
        "procedures/joint_self_training.py",
        "procedures/test_joint_self_training.py",
        [
            (
                "not brought to one scale",
                "(1 + self.alpha) * scale * pseudo",
                "(1 + self.alpha) * pseudo",
            ),
            ("longer steps by alpha", "human / (1 + self.alpha)", "human"),
            ("pseudo-labels undivided", "self.alpha / (1 + self.alpha)", "self.alpha"),
            (
                "the inverse ratio",
                "scale = self.means.value[0] / self.means.value[1].clamp(min=1e-8)",
                "scale = self.means.value[1] / self.means.value[0].clamp(min=1e-8)",
            ),
            (
                "no moving average",
                "self.means.update(torch.stack([human, pseudo]).detach())",
                "self.means.update(torch.stack([human, pseudo]).detach(), 0.0)",
            ),
            (
                "gradient through the scale",
                "scale = self.means.value[0] / self.means.value[1].clamp(min=1e-8)",
                "scale = self.means.value[0] / self.means.value[1].clamp(min=1e-8) * pseudo / pseudo.detach()",
            ),
            ("division by zero", ".clamp(min=1e-8)", ""),
            ("no threshold", "(probs, None, self.threshold)", "(probs, None, 0.0)"),
            (
                "labels of other rows",
                "label[kept], pool.weight",
                "label[: int(kept.sum())], pool.weight",
            ),
            (
                "the teacher ships",
                "return stages.train(Joint(self.alpha",
                "stages.train(Joint(self.alpha",
            ),
            (
                "weak views",
                'Views(labeled=("strong",), unlabeled',
                'Views(labeled=("weak",), unlabeled',
            ),
        ],
    ),
    *mutants(
        "procedures/in_domain.py",
        "procedures/test_in_domain.py",
        [
            ("the whole pool", "data=self.kept(stages, judge), ", ""),
            ("share of nothing", "self.share * len(pool)", "len(pool)"),
            ("another recipe", ", recipe=recipe)", ")"),
            ("share rounded down", "math.ceil(self.share", "math.floor(self.share"),
            ("the judge ships", "return stages.train(base", "stages.train(base"),
        ],
    ),
    *mutants(
        "procedures/label_propagation.py",
        "procedures/test_label_propagation.py",
        [
            ("mean over the labeled rows", "/ len(index)\n", "/ len(x)\n"),
            (
                "pool rows not set off",
                "self.num_labeled + batch.unlabeled.index",
                "batch.unlabeled.index",
            ),
            ("class weights left out", "(certainty * class_weight[label])", "certainty"),
            ("certainty left out", "(certainty * class_weight[label])", "class_weight[label]"),
            (
                "exact below the limit alone",
                "len(rows) <= self.exact_rows else",
                "len(rows) < self.exact_rows else",
            ),
            (
                "searches swapped",
                "nearest if len(rows) <= self.exact_rows",
                "nearest if len(rows) > self.exact_rows",
            ),
            (
                "faiss needed for any graph",
                "if rows > self.exact_rows and importlib",
                "if importlib",
            ),
            ("a small cost is noted", "if seconds < NOTED:", "if seconds < 0:"),
            (
                "the approximate is noted as exact",
                "exact = rows <= self.exact_rows",
                "exact = True",
            ),
            ("targets of the average", "trainer.nets.student)", "trainer.nets.ema)"),
            ("never renewed again", "if trainer.step == start:", "if trainer.step == start == 0:"),
            ("renewed when it goes on", "if trainer.step == start:", "if True:"),
            ("a new network for the second stage", ", network=trainable_copy(first)", ""),
            (
                "an epoch of the labels",
                "len(stages.data.unlabeled) / batch",
                "len(stages.data.labeled) / batch",
            ),
            (
                "pool labels leak",
                "torch.full_like(data.unlabeled.label, -1)",
                "data.unlabeled.label",
            ),
        ],
    ),
    *mutants(
        "functional/graph.py",
        "functional/test_graph.py",
        [
            ("loops", "products[rows - start, rows] = -torch.inf", "pass"),
            ("one way only", "return graph + graph.T", "return graph"),
            ("always exact", "similarity, index = search(", "similarity, index = nearest("),
            (
                "itself among the neighbors",
                "others = found != np.arange(count)[:, None]",
                "others = found == found",
            ),
            ("all cells searched", "index.nprobe = max(PROBES,", "index.nprobe = max(10**6,"),
            ("as many cells for many neighbors", "math.ceil(CANDIDATES * k * cells / count)", "0"),
            (
                "empty places count",
                "similarity = np.where(missing, -np.inf, similarity)",
                "similarity = np.where(missing, 1, similarity)",
            ),
            (
                "distances for similarities",
                "width, cells, faiss.METRIC_INNER_PRODUCT",
                "width, cells, faiss.METRIC_L2",
            ),
            ("negative similarities", "similarity.clamp(min=0)", "similarity.abs()"),
            ("power left out", ".double()) ** power", ".double())"),
            (
                "not normalized by degree",
                "alpha * (scale @ graph @ scale)",
                "alpha * graph / graph.max()",
            ),
            ("labels of a class add up", "own / max(own.sum(), 1)", "own / 1.0"),
            ("entropy in bits", "/ math.log(num_classes)", "/ math.log(2)"),
            ("not relative to the surest", "/ certainty.amax().clamp(min=1e-9)", ""),
            (
                "labeled rows as sure as their scores",
                "torch.where(known, 1.0, certainty)",
                "certainty",
            ),
            ("unreached rows counted", "assigned[reached]", "assigned"),
            ("labels overruled", "torch.where(known, label, scores.argmax(1))", "scores.argmax(1)"),
        ],
    ),
    *mutants(
        "procedures/dividemix.py",
        "procedures/test_dividemix.py",
        [
            (
                "each judges itself",
                "zip(rules, (two, one), strict=True)",
                "zip(rules, (one, two), strict=True)",
            ),
            ("it guesses alone", "guesses(stages, 1 - number)", "guesses(stages, number)"),
            (
                "the peer in train mode",
                "nets.student.eval()(inputs)",
                "nets.student.train()(inputs)",
            ),
            (">= for >", "kept = clean > threshold", "kept = clean >= threshold"),
            ("kept and not kept swapped", "kept = clean > threshold", "kept = clean < threshold"),
            ("weights forgotten", "clean[kept])", "labeled.weight[kept])"),
            ("label and guess swapped", "w * y + (1 - w) * guess_x", "(1 - w) * y + w * guess_x"),
            (
                "the peer guesses labeled rows' targets too",
                "guess_x = average(*(nets.student(view)",
                "guess_x = average(*(self.peer(view).log()",
            ),
            (
                "a share a row",
                "beta(method.alpha, 1, step.rng)).expand(len(rows))",
                "beta(method.alpha, len(rows), step.rng))",
            ),
            ("the smaller share", "share = larger_share(beta", "share = 1 - larger_share(beta"),
            ("guesses with a gradient", "with torch.no_grad():", "with torch.enable_grad():"),
            ("ramp from the start", "ramp_up(step.index - self.wait,", "ramp_up(step.index,"),
            ("another ramp", "ramp_steps: Count = 12500", "ramp_steps: Count = 16384"),
            (
                "the ramp outlasts a short run",
                "min(method.ramp_steps, step.total - self.wait)",
                "method.ramp_steps",
            ),
            (
                "the ramp ends with the run and its warm-up",
                "step.total - self.wait)",
                "step.total)",
            ),
            ("entropy punished", "-entropy(logits).mean()", "entropy(logits).mean()"),
            ("the second's division is not saved", "two.save()", "pass"),
            (
                "the second is judged after the first",
                "if one.step == start:",
                "if two.step == start:",
            ),
            (
                "only one network ships",
                "Pair(first.network, second.network)",
                "Pair(first.network, first.network)",
            ),
        ],
    ),
    *mutants(
        "functional/noise.py",
        "functional/test_noise.py",
        [
            (
                "the other component",
                "mixture.means_[:, 0].argmin()",
                "mixture.means_[:, 0].argmax()",
            ),
            ("always the first component", "mixture.means_[:, 0].argmin()", "0"),
            ("losses not scaled", "scaled = (values - values.min()) / spread", "scaled = values"),
            ("equal losses are all wrong", "torch.ones(len(values))", "torch.zeros(len(values))"),
            ("another mixture", "reg_covar=5e-4", "reg_covar=5e-2"),
        ],
    ),
    *mutants(
        "functional/losses.py",
        "functional/test_losses.py",
        [
            (
                "a view is its own negative",
                "similarity.masked_fill(itself, -math.inf)",
                "similarity",
            ),
            ("lengths count", "F.normalize(torch.cat([a, b]), dim=1)", "torch.cat([a, b])"),
            ("temperature left out", "unit @ unit.T / temperature", "unit @ unit.T"),
            ("another view is the positive", ".roll(len(a))", ".roll(1)"),
        ],
    ),
    *mutants(
        "procedures/simclr_v2.py",
        "procedures/test_simclr_v2.py",
        [
            (
                "one view twice",
                "torch.cat(batch.unlabeled.views)",
                "torch.cat([batch.unlabeled.views[0]] * 2)",
            ),
            (
                "the network detached",
                "a, b = self.head(features)",
                "a, b = self.head(features.detach())",
            ),
            (
                "labeled rows left out of pre-training",
                "torch.cat([data.labeled.inputs, data.unlabeled.inputs])",
                "data.unlabeled.inputs",
            ),
            (
                "fine-tuning starts anew",
                "network=trainable_copy(pretrained)",
                "network=trainable_copy(pretraining.student)",
            ),
            ("decay in fine-tuning", ", weight_decay=0.0)", ")"),
            ("no square of the temperature", "self.softness**2 * soft", "soft"),
            (
                "the student's temperature left out",
                "logits_u / self.softness, target",
                "logits_u, target",
            ),
            (
                "labels and teacher swapped",
                "(1 - self.alpha) * supervised",
                "self.alpha * supervised",
            ),
            (
                "the teacher is trained",
                "        with torch.no_grad():\n            target = (self",
                "        with torch.enable_grad():\n            target = (self",
            ),
            ("the teacher drops out", ").eval()\n", ").train()\n"),
            (
                "the student goes on from the teacher",
                "model=self.student)",
                "network=trainable_copy(pretrained))",
            ),
            (
                "two linear layers of the projection only",
                "            hidden_layer(self.width, self.width, rng),\n",
                "",
            ),
        ],
    ),
    *mutants(
        "models/composed.py",
        "models/test_composed.py",
        [
            (
                "the sum of logits",
                "(self.first(inputs) + self.second(inputs)) / 2",
                "self.first(inputs) + self.second(inputs)",
            ),
            (
                "one head for both",
                "PairHead(self.first.head, self.second.head)",
                "PairHead(self.first.head, self.first.head)",
            ),
            (
                "global weights",
                "nn.init.kaiming_normal_(linear.weight, generator=rng)",
                "nn.init.kaiming_normal_(linear.weight)",
            ),
            ("statistics touched", "    network.eval()\n", ""),
        ],
    ),
    *mutants(
        "training/stages.py",
        "procedures/test_simclr_v2.py procedures/test_label_propagation.py",
        [
            (
                "finished stages begin again",
                "if trainer.step < goal and not trainer.ended and trainer not in self.begun:",
                "if trainer not in self.begun:",
            ),
            (
                "nothing to train",
                "copy.deepcopy(inner).requires_grad_(True)",
                "copy.deepcopy(inner)",
            ),
        ],
    ),
    *mutants(
        "evaluate/sequential.py",
        "evaluate/test_sequential.py",
        [
            ("both directions in the mixture", "np.log(2 * betainc(b + 1, c + 1, 0.5))", "0.0"),
            ("with replacement", "half = (rows - counts.neither) / 2", "half = 10**7"),
            ("neither counts as undecided", "(rows - counts.neither) / 2", "rows / 2"),
            ("the first split", "    return first\n", "    return low\n"),
            ("a lower limit", ">= math.log(limit)", ">= math.log(limit / 1.01)"),
            ("one side is enough", "(least, least + 1, -least, -least - 1)", "(least, least + 1)"),
            ("odd values forgotten", "(least, least + 1, -least, -least - 1)", "(least, -least)"),
        ],
    ),
    *mutants(
        "evaluate/dispute.py",
        "evaluate/test_dispute.py",
        [
            ("one direction's error", "LIMIT = 2 / ERROR", "LIMIT = 1 / ERROR"),
            (
                "in the pool's order",
                ".permutation(rows)[:most]",
                ".permutation(0 + rows * 0)[:most]",
            ),
            ("the last ending", "ended.argmax(1)", "found.shape[1] - 1 - ended[:, ::-1].argmax(1)"),
            ("gain of the disagreements", "gain=net / dispute.pool", "gain=net"),
            (
                "held-out labels forgotten",
                "known = np.array(held_out) + ",
                "known = np.zeros(3) + ",
            ),
            (
                "answers forgotten",
                "(found == kind).sum() for kind in (1, -1, 0)]\n    shares",
                "0 for kind in (1, -1, 0)]\n    shares",
            ),
        ],
    ),
    *mutants(
        "runs/decide.py",
        "runs/test_decide.py",
        [
            (
                "gaps skipped",
                "label.index(None) if None in label else len(label)",
                "len(label) - label.count(None)",
            ),
            (
                "earlier answers forgotten",
                "answers = {**self.answers, **more}",
                "answers = {**more}",
            ),
            ("filled labels overwritten", "    _keep_labels(case, folder / TABLE)\n", ""),
            (
                "the result as it was before",
                "**read_run(folder).result, RECORD",
                "**case.run.result, RECORD",
            ),
            (
                "ships again and again",
                "    if case.run.result.get(RECORD) == record:\n        return\n",
                "",
            ),
        ],
    ),
    *mutants(
        "data/splits.py",
        "data/test_splits.py",
        [("answers held out", "np.where(trains_only, -1, label)", "label")],
    ),
    *mutants(
        "evaluate/ranking.py",
        "evaluate/test_ranking.py",
        [
            (
                "the worst first",
                "-judge(probs[n], label), -likelihood",
                "judge(probs[n], label), -likelihood",
            ),
        ],
    ),
    *mutants(
        "evaluate/collapse.py",
        "evaluate/test_collapse.py",
        [
            ("drift from labels only", "min(_apart(other, base), away) <= DRIFT", "away <= DRIFT"),
            ("drift whoever drifts", " or away <= _apart(base, given)", ""),
            ("nothing foretold", "held is None or _apart", "True or _apart"),
            (
                "foretold the other way",
                "(baseline.argmax(1), candidate.argmax(1)), 1",
                "(candidate.argmax(1), baseline.argmax(1)), 1",
            ),
            ("neither unsaid", 'return "neither" if both else "constant"', 'return "constant"'),
            ("one class is no collapse", "if names_one_class(held, label) or", "if"),
            ("nearly one class is no collapse", " or _runs_to_one_class(held, label)", ""),
            ("one class of the pool is none", "names_one_class(pool[1], label)", "False"),
            ("a pool of one class is a collapse", " and not _of_one_class(label, *pool)", ""),
            ("a rare class may be lost", " and there - labeled > DRIFT", ""),
            ("no better is good enough", "judge(held, label) <= (n", "judge(held, label) < (n"),
            ("silence is no collapse", "if not heard:", "if False:"),
        ],
    ),
    *mutants(
        "evaluate/gate.py",
        "evaluate/test_gate.py",
        [
            ("strict forgotten", ' or gate == "strict"', ""),
            ("what is worse ships", '("worse", "collapsed") or', '("collapsed",) or'),
            ("a collapsed one ships", '("worse", "collapsed") or', '("worse",) or'),
            ("a pair where one is wanted", "    if single:", "    if False:"),
            ("a chosen one weighs as any", "CHOSEN if rivals else OPEN", "OPEN"),
            ("favored not heard", "FAVORED if favored else CHOSEN", "CHOSEN"),
            (
                "chances of raw models",
                "lead_of(asked, seen, calibrated, label)",
                "lead_of(asked, seen, (baseline_probs, candidate_probs), label)",
            ),
            ("a choice is free", "max(seen.p_better, chance)", "seen.p_better"),
            ("a student of nothing", "if single and has_pool:", "if single:"),
            ("danger does not matter", "CANDIDATE if posterior.is_safe else ALONE", "CANDIDATE"),
        ],
    ),
    *mutants(
        "evaluate/pairing.py",
        "evaluate/test_pairing.py",
        [
            (
                "weights exchanged",
                "(1 - WEIGHTS) * given[0] + WEIGHTS * given[1]",
                "WEIGHTS * given[0] + (1 - WEIGHTS) * given[1]",
            ),
            (
                "flat prior",
                "log_posterior += (prior[0] - 1) * np.log(WEIGHTS)",
                "log_posterior += 0.0",
            ),
            (
                "temperature inverted",
                "log_probs(probs) / temperature",
                "log_probs(probs) * temperature",
            ),
        ],
    ),
    *mutants(
        "procedures/taught/taught.py",
        "procedures/test_taught.py",
        [
            ("anew", "network=trainable_copy(network)", "network=None"),
            ("all taught", "steps=stages.steps - last", "steps=stages.steps"),
            ("no bias", "@ slopes.T + bias", "@ slopes.T"),
        ],
    ),
    *mutants(
        "functional/rows/shares.py",
        "functional/test_class_shares.py",
        [
            ("supposed rows forgotten", "(new + prior * given) / (1 + prior)", "new"),
            (
                "drawn beyond what was supposed",
                "max(0.0, 1 - error / max(apart, 1e-300))",
                "(1 - error / max(apart, 1e-300))",
            ),
            ("variance of independent parts", "(parts - 1) / parts *", "1 / parts *"),
            (
                "errors on held-out rows forgotten",
                "jackknife(without) + float(((held - true) ** 2).sum())",
                "jackknife(without)",
            ),
            (
                "held-out rows asked of those that saw them",
                "shares([rows[~own] for own in kept], kept)",
                "shares([rows[own] for own in kept], kept)",
            ),
        ],
    ),
    *mutants(
        "procedures/rows/shared.py",
        "procedures/test_rows.py",
        [
            (
                "the pool's shares are the labels'",
                "shares_beyond_chance(rows, label, pool, given, fold, settings)",
                "given",
            ),
        ],
    ),
    *mutants(
        "procedures/rows/shared.py",
        "procedures/test_taught.py",
        [("mean forgotten", "bias = bias - slopes @ mean", "pass")],
    ),
    *mutants(
        "runs/climb/distill.py",
        "runs/test_distill.py",
        [
            (
                "held rows taught",
                "np.delete(probs, held, axis=0)",
                "np.delete(probs, held - 1, axis=0)",
            )
        ],
    ),
    *mutants(
        "functional/rows/temperature.py",
        "evaluate/test_pairing.py",
        [("no prior of the temperature", " + (log_temperature / spread) ** 2 / 2", "")],
    ),
    *mutants(
        "evaluate/intervals.py",
        "evaluate/test_posterior.py",
        [("no disagreement is no error", ".sum() + 1) / len(gained)", ".sum()) / len(gained)")],
    ),
    *mutants(
        "evaluate/pairing.py",
        "evaluate/test_gate.py",
        [
            (
                "the candidate by the other's temperature",
                "tempered(candidate, self.candidate_temperature)",
                "tempered(candidate, self.baseline_temperature)",
            )
        ],
    ),
    *mutants(
        "evaluate/posterior.py",
        "evaluate/test_posterior.py",
        [
            ("no doubt of seeds", "(error**2 + DOUBT**2)", "error**2"),
            ("every judge by shares", 'if judge.name != "accuracy":', "if False:"),
            (
                "the candidate behind",
                "float((other - base).mean())",
                "float((base - other).mean())",
            ),
            ("prior mean ignored", "prior * PRIOR_MEAN + data * gain", "data * gain"),
            ("harm is any loss", "(HARM - self.mean)", "(0 - self.mean)"),
        ],
    ),
    *mutants(
        "evaluate/judges.py",
        "evaluate/test_judges.py",
        [
            ("rivals do not count", "@ gains).max(1)", "@ gains)[:, 0]"),
            ("rivals do not count by others", "(gains.max(1) >= gain", "(gains[:, 0] >= gain"),
            ("balanced is accuracy", "(right / there).mean()", "right.sum() / there.sum()"),
            (
                "macro-F1 is precision",
                "2 * right / (guessed + there)",
                "right / np.maximum(guessed, 1)",
            ),
            (
                "large samples are unequal",
                "counts.max() * len(counts) <= UNEQUAL_SHARE * counts.sum()",
                "False",
            ),
        ],
    ),
    *mutants(
        "evaluate/shares.py",
        "evaluate/test_shares.py",
        [("shares exchanged", "np.divide(wanted, given", "np.divide(given, wanted")],
    ),
    *mutants(
        "runs/phases.py",
        "runs/test_phases.py",
        [
            ("a number that was asked for is not kept", "return free and not", "return not"),
            ("all may end early", "free and not learns_from_pool(name)", "free"),
            (
                "the network of a fold ships",
                "return Phase(FINAL, name, self.rows.known,",
                "return Phase(FINAL, name, self.plan.folds[0][0],",
            ),
        ],
    ),
    *mutants(
        "encoders/encoding.py",
        "encoders/test_affordable.py",
        [
            ("rows that may not wait take no time", " - np.delete(new, waiting).sum()", ""),
            ("nothing is seen in any case", "int((place <= new_ones)", "int((place < new_ones)"),
            ("what is left is all", "new[waiting[seen:]].sum()", "new[waiting].sum()"),
            ("a few rows are left out", "left <= OVER * seconds", "left < 0"),
            ("what a part took is forgotten", "seconds = self.spent + ", "seconds = "),
        ],
    ),
    *mutants(
        "runs/climb/encoders.py",
        "runs/test_encoders_in_time.py",
        [
            ("what goes on chooses anew", "if begun and chooses:", "if False:"),
            ("all of the pool must be seen", "max(pool - ENOUGH, 0)", "0"),
            ("test rows cost nothing", "max(pool - ENOUGH, 0) + tests", "max(pool - ENOUGH, 0)"),
            ("views cost nothing", " * rows * num_views(config)", " * rows"),
            (
                "the better one alone is not tried",
                "(best, *others), least, dataset",
                "(best,), least, dataset",
            ),
            ("all encoders have all of the time", "SHARE * 60", "60"),
            ("a named encoder is replaced", "asked.encoder in (None, catalogue.AUTO)", "True"),
        ],
    ),
    *mutants(
        "runs/pool/part.py",
        "runs/test_pool_part.py",
        [
            ("all of the time", "SHARE = 0.5", "SHARE = 1.0"),
            ("comparisons see a part", "(whole or untimed)", "untimed"),
            ("steps see a part", "(whole or untimed)", "whole"),
            ("the part is drawn anew", "most = settled", "most = None"),
            ("the rest is learned from", "waiting[most:]", "waiting[len(pool):]"),
        ],
    ),
    *mutants(
        "auditing/features.py",
        "auditing/test_seen_part.py",
        [("what was not seen is judged", "waiting[so_many:])", "waiting[:0])")],
    ),
    *mutants(
        "data/scenarios/truth.py",
        "data/scenarios/test_truth.py",
        [("weak labels stay behind", ', "weak")', ")")],
    ),
    *mutants(
        "models/trees.py",
        "models/test_trees.py",
        [
            ("boosting forgets its start", "self.start.repeat(", "(0 * self.start).repeat("),
            ("a column may be missing", "int(self.feature.max()) >= self.num_features", "False"),
            ("rows go round in circles", "if not bool((leaf | after).all()):", "if False:"),
            (
                "a tree has one class",
                "self.classes.long(), added",
                "0 * self.classes.long(), added",
            ),
        ],
    ),
    *mutants(
        "runs/experiment.py",
        "runs/test_experiment.py",
        [
            (
                "a collapsed one is not passed over",
                'if tried[-1].outcome != "collapsed":',
                "if True:",
            ),
        ],
    ),
    *mutants(
        "evaluate/collapse.py",
        "evaluate/test_collapse.py",
        [
            (
                "runs off on unsure rows",
                "if _apart(*(_shares(classes[sure], num_classes) for classes in called[1:])) <= DRIFT:",
                "if False:",
            ),
            (
                "the unsure half is looked at",
                "baseline.max(1) >= np.median(baseline.max(1))",
                "baseline.max(1) < np.median(baseline.max(1))",
            ),
        ],
    ),
    *mutants(
        "procedures/rows/shared.py",
        "procedures/test_rows.py",
        [
            ("settings are one", "asked=(type(self).__name__, own)", "asked=type(self).__name__"),
            ("nothing is remembered", "if key not in _layers:", "if True:"),
        ],
    ),
    *mutants(
        "functional/rows/gaussians.py",
        "functional/test_gaussians.py",
        [
            ("nothing that varies is kept", "with suppress(ArpackError):", "if True:"),
            (
                "directions are not of length 1",
                "    directions /= np.linalg.norm(directions, axis=1, keepdims=True)",
                "    pass",
            ),
        ],
    ),
    *mutants(
        "data/cells/nested.py",
        "data/cells/test_nested.py",
        [
            ("a value is overwritten", "if name in found:", "if False:"),
            ("an empty list is a value", "return _alone(cell[0]) if cell else None", "return cell"),
            (
                "truths are numbers",
                "type(cell) in (int, float,",
                "type(cell) in (bool, int, float,",
            ),
            ("missing vectors are zeros", "len(lists[0])), np.nan)", "len(lists[0])), 0.0)"),
            (
                "a missing object is a column",
                'any(other.startswith(f"{name}.") for other in names)',
                "False",
            ),
        ],
    ),
    *mutants(
        "data/cells/annotations.py",
        "data/cells/test_annotations.py",
        [
            ("cancelled ones count", 'and not annotation.get("was_cancelled")', ""),
            ("the first of equals wins", "None if others and others[0][1] == first[1] else ", ""),
            ("refused labels count", 'if one.get("answer", "accept") != "accept":', "if False:"),
            ("each question is a row", 'known = one.get("_input_hash")', "known = None"),
            ("whatever is called data is a task", "or set(one) <= _TASK", "or True"),
            (
                "a label of the data is lost",
                'not any(LABEL in one["data"] for one in objects)',
                "True",
            ),
        ],
    ),
    *mutants(
        "data/texts/files.py",
        "data/test_reading_texts.py",
        [
            (
                "a label is a part of the text",
                "labeled.groups() if labeled",
                "(None, written) if labeled",
            ),
            ("a second label is text", "if text.startswith(MARK):", "if False:"),
        ],
    ),
    *mutants(
        "data/folders/walk.py",
        "data/test_reading_texts.py",
        [
            ("strange bytes are text", "100 * strange <= len(begin)", "True"),
            ("nothing is a text", "bool(begin.strip())", "True"),
        ],
    ),
    *mutants(
        "data/folders/named.py",
        "data/cells/test_annotations.py",
        [("escapes stay", "unquote(text.removeprefix(address))", "text.removeprefix(address)")],
    ),
    *mutants(
        "data/reading/shards.py",
        "data/reading/test_shards.py",
        [
            ("folders say no part", "(file.parent != folder and role(file.parent.name))", "None"),
            ("what is deeper is passed over", "not any(deeper for _, deeper in inside)", "True"),
        ],
    ),
    *mutants(
        "data/mixed/written.py",
        "data/mixed/test_mixed_columns.py",
        [
            ("two writings tell", "if len(found) == 1 else None", "if found else None"),
            ("whole numbers tell", "(column[np.isfinite(column)] % 1).any()", "True"),
        ],
    ),
    *mutants(
        "data/mixed/cells.py",
        "data/mixed/test_mixed_columns.py",
        [
            ("any point marks thousands", "all(map(may_be_either, map(str.strip, texts)))", "True"),
            ("further cells are parsed", 'told(column, ".") else', "told(column) else"),
        ],
    ),
    *mutants(
        "data/mixed/kinds.py",
        "data/mixed/test_mixed_columns.py",
        [
            (
                "plain before all",
                'plain and not (usual == "," and written.unclear(texts))',
                "plain",
            ),
            ("an open comma is not told of", "if open_ or column.name", "if column.name"),
        ],
    ),
    *mutants(
        "augment/texts/text_views.py",
        "augment/test_text_views.py",
        [
            (
                "a changed file is not read",
                "_unchanged(file, file.stat().st_mtime_ns)",
                "_unchanged(file, 0)",
            )
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

"""Handwritten digits from 40 labels and 1,257 images without one, as a scikit-learn estimator.

    python examples/estimator.py [STEPS]

40 labels are often too few to prove that the unlabeled images helped; then the model trained on
the labels alone ships. What the other one would have reached is printed last. Two minutes on one
CPU core with the default 200 steps; expect about 86 % with the gate, 96 % without.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from realmix.estimators.semi_supervised_classifier import SemiSupervisedClassifier


def main(steps: int = 200) -> float:
    """Fit, print the verdict, and return the accuracy on the test images."""
    images, digit = load_digits().images / 16, load_digits().target
    images, test_images, digit, test_digit = train_test_split(
        images, digit, test_size=500, stratify=digit, random_state=0
    )
    y = np.full_like(digit, -1)  # -1 marks an image without a label
    for c in range(10):
        y[np.flatnonzero(digit == c)[:4]] = c

    fields = {"ramp_steps": 10}  # the paper's 16,384 would be longer than all of this run
    model = SemiSupervisedClassifier(steps=steps, fields=fields, random_state=0).fit(images, y)
    print(model.result_["reason"])
    accuracy = model.score(test_images, test_digit)
    ungated = model.set_params(gate=False).fit(images, y).score(test_images, test_digit)
    print(f"Test accuracy: {accuracy:.1%} with the gate, {ungated:.1%} without.")
    return accuracy


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))

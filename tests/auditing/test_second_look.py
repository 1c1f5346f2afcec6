"""Pictures with their edges cut off, and what only looks a little like them."""

import numpy as np
import pytest
from PIL import Image
from sklearn.decomposition import PCA

from realmix.auditing.copies import find_copies
from realmix.auditing.second_look import cut_copies
from realmix.data.pools import Dataset


def scenes(count, seed=0, side=48):
    """Pictures of smooth random color, no two alike."""
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (count, 9, 9, 3), dtype=np.uint8)
    return [Image.fromarray(r).resize((side, side), Image.Resampling.BICUBIC) for r in rough]


def array(pictures):
    return np.stack([np.asarray(p) for p in pictures]).transpose(0, 3, 1, 2)


def cut(picture, left, top, side):
    box = (left, top, left + side, top + side)
    return picture.resize(picture.size, Image.Resampling.BILINEAR, box)


def features(images):
    """What an encoder gives that changes little when an edge is cut: a few pixels' worth."""
    small = [np.asarray(Image.fromarray(i.transpose(1, 2, 0)).resize((4, 4))) for i in images]
    flat = np.stack([s.ravel() for s in small]).astype(np.float32)
    mirrored = np.stack([s[:, ::-1].ravel() for s in small]).astype(np.float32)
    return PCA(30).fit(flat).transform(flat + mirrored).astype(np.float32)


def test_cut_and_mirrored_copies_are_found_and_nothing_else():
    whole = scenes(200)
    copies = [cut(p, 2.4, 0, 45.6) for p in whole[:20]]  # 5 % of a side
    copies += [p.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for p in copies[:5]]
    images = array([*whole, *copies])
    pairs = {tuple(pair) for pair in cut_copies(images, features(images)).tolist()}
    planted = [(i, 200 + i) for i in range(20)] + [(i, 220 + i) for i in range(5)]
    assert sum(pair in pairs for pair in planted) >= 24
    assert pairs <= {*planted, *((200 + i, 220 + i) for i in range(5))}


def dataset(images, label, tests):
    return Dataset(
        images, np.array(label), ("a", "b"), "photos",
        test_inputs=tests, test_label=np.zeros(len(tests), np.int64),
    )  # fmt: skip


def test_copies_by_the_parts_they_stand_in():
    whole = scenes(60, seed=1)
    labeled, pool = whole[:10], whole[10:50]
    labeled.append(whole[3])  # equal, and of another class
    pool += [whole[0], cut(whole[1], 0, 1.2, 45.6), pool[0]]
    tests = [whole[2], whole[11], *whole[50:]]
    images = array([*labeled, *pool])
    label = [0] * 10 + [1] + [-1] * 43
    seen = features(np.concatenate([images, array(tests)]))
    found = find_copies(dataset(images, label, array(tests)), seen)
    pairs = {parts: [tuple(p) for p in of] for parts, of in found.pairs.items() if of}
    assert pairs == {
        ("labeled", "labeled"): [(10, 3, True)],
        ("pool", "pool"): [(53, 11, True)],
        ("pool", "labeled"): [(51, 0, True), (52, 1, False)],
        ("pool", "test"): [(12, 55, True)],
        ("test", "labeled"): [(54, 2, True)],
    }
    assert found.disputed == found.pairs["labeled", "labeled"]


def test_without_features_only_what_looks_the_same_is_found():
    whole = scenes(40, seed=2)
    images = array([*whole, cut(whole[1], 0, 2.4, 45.6), whole[0]])
    found = find_copies(dataset(images, [0, 1] + [-1] * 40, images[2:4]), None)
    assert [tuple(p) for p in found.pairs["pool", "labeled"]] == [(41, 0, True)]
    assert [tuple(p) for p in found.pairs["pool", "test"]] == [(2, 42, True), (3, 43, True)]


@pytest.mark.parametrize("count", [1, 3])
def test_a_few_pictures_are_enough(count):
    images = array(scenes(count))
    assert len(cut_copies(images, np.eye(count, dtype=np.float32))) == 0

"""The words of `realmix compare` as a value. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from realmix.command.words import Amount, Flag, Number, Unset, Values
from realmix.runs.config import Protocol


@dataclass(frozen=True)
class Compare:
    """Compare methods, labels and scenarios over seeds; what is proved.

    Attributes:
        data: as fit takes it; labeled rows are drawn from all labels that it has.
        algorithms: what is compared, separated by commas: names, auto (the whole gated run),
            NAME:field=value, sklearn:CLASS, or package.module:CLASS.
        labels: numbers of labels, separated by commas; by default the labels as they are.
        seeds: how many (5), a range (5-9) or a list (1,4).
        mismatch: percent of the pool's classes that are foreign, such as 0,25,50,75,100.
        imbalance: ratios of the largest to the smallest class, such as 1,10,100.
        label_noise: percent of wrong labels, such as 0,20,40.
        pool_size: rows of the pool.
        sweep: any scenario and its values, NAME=VALUE,VALUE,...; realmix data lists them.
        trials: settings of each algorithm's fields that are tried in each cell, drawn at random
            around their defaults; what is best on a part of the labels trains on all of them.
        validation: percent of the labels that is this part; by default 25.
        steps: optimizer steps of each training.
        minutes: instead, about how long a cell may take.
        protocol: last counts the last network, median20 the median of the last 20 checkpoints.
        unlabeled, test, test_share, encoder, views, model, augment, image_size, device: as of fit.
        label_column, feature_columns, drop_columns, categorical, numeric, text_column: as of fit.
        weak_label_column, unlabeled_marker, class_value, data_root, skip_bad, group: as of fit.
        allow_leakage, follow_links: as of fit.
        workers: processes of one thread each; by default one for each processor.
        scheduler: address of a Dask scheduler, on whose workers the cells run instead.
        out: folder of the comparison; what is there is not done again.
        debug: show where in the program an error arose.
    """

    data: Positional[Annotated[str, arg(metavar="DATA", help_behavior_hint="")]]
    algorithms: Annotated[str, arg(metavar="A,B,C", help_behavior_hint="")]
    labels: Unset[str | None] = None
    seeds: str = "5"
    mismatch: Unset[str | None] = None
    imbalance: Unset[str | None] = None
    label_noise: Unset[str | None] = None
    pool_size: Unset[str | None] = None
    sweep: Values = ()
    trials: Number = None
    validation: Amount = None
    steps: Number = None
    minutes: Amount = None
    protocol: Unset[Protocol] = "last"
    unlabeled: Unset[str | None] = None
    test: Unset[str | None] = None
    test_share: Amount = None
    encoder: Unset[str | None] = None
    views: Number = None
    model: str = "auto"
    augment: str = "auto"
    image_size: Number = None
    device: str = "auto"
    label_column: str = "label"
    feature_columns: Unset[str | None] = None
    drop_columns: Unset[str | None] = None
    categorical: Unset[str | None] = None
    numeric: Unset[str | None] = None
    text_column: Unset[str | None] = None
    weak_label_column: Unset[str | None] = None
    unlabeled_marker: Values = ()
    class_value: Values = ()
    data_root: Unset[str | None] = None
    skip_bad: Flag = False
    group: Unset[str | None] = None
    allow_leakage: Flag = False
    follow_links: Flag = False
    workers: Number = None
    scheduler: Unset[str | None] = None
    out: Path = Path("runs/compare")
    debug: Flag = False

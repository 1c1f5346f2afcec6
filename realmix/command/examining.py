"""The words of `realmix audit` and `realmix data` as values. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from realmix.command.words import Amount, Flag, Number, Unset, Values, Word

COLUMNS = (
    *("label_column", "feature_columns", "drop_columns", "categorical", "numeric"),
    *("text_column", "unlabeled_marker", "class_value"),
)
"""What says how a table is read: what a message of `fit` asks for, other commands take too."""


@dataclass(frozen=True)
class Audit:
    """Say what a pool is worth before anything is trained.

    Attributes:
        data: as of `realmix fit`.
        unlabeled: more rows for the pool.
        test: labeled test rows.
        encoder: what sees pictures and texts: auto, none, or a name as of `realmix fit`.
        image_size: side in pixels at which pictures are encoded; small ones at 160 by default.
        minutes: for the encoder; of a pool that takes longer a random part tells the shares.
        label_column: label column of tables.
        feature_columns: columns of a table that count, separated by commas; all by default.
        drop_columns: instead, columns that do not count.
        categorical, numeric, text_column, weak_label_column, group: columns, as of fit.
        unlabeled_marker: a label that means "no label".
        class_value: a label that is a class, although it reads like "no label".
        follow_links: follow links in folders that lead outside of them.
        out: folder for audit.html, audit.json and the cleaned pool; by default audits/DATA.
        seed: deals the labels into folds.
        data_root: folder of the built-in data sets; by default the variable REALMIX_DATA.
        debug: show where in the program an error arose.
    """

    data: Positional[Annotated[str, arg(metavar="DATA", help_behavior_hint="")]]
    unlabeled: Unset[str | None] = None
    test: Unset[str | None] = None
    encoder: Unset[str] = "auto"
    image_size: Number = None
    minutes: float = 1.0
    label_column: str = "label"
    feature_columns: Unset[str | None] = None
    drop_columns: Unset[str | None] = None
    categorical: Unset[str | None] = None
    numeric: Unset[str | None] = None
    text_column: Unset[str | None] = None
    weak_label_column: Unset[str | None] = None
    group: Unset[str | None] = None
    unlabeled_marker: Values = ()
    class_value: Values = ()
    follow_links: Flag = False
    out: Unset[Path | None] = None
    seed: int = 0
    data_root: Unset[str | None] = None
    debug: Flag = False

    @property
    def folder(self) -> Path:
        """Where the findings go."""
        return self.out or Path("audits") / (Path(self.data.rstrip("/")).stem or "data")

    @property
    def reading(self) -> dict[str, Any]:
        """What `realmix.data.reading.load.load` is told beside the places."""
        given = {name: getattr(self, name) for name in (*COLUMNS, "group", "weak_label_column")}
        return given | {"data_root": self.data_root, "follow_links": self.follow_links}


@dataclass(frozen=True)
class Data:
    """List built-in data sets and scenarios, or write data made worse.

    Attributes:
        name: of a built-in data set; to write, any data that fit takes.
        unlabeled, test: more rows for the pool, and labeled test rows, as of fit.
        scenario: what is done to labels and pool, NAME=VALUE such as mismatch=50.
        labels: keep so many labels; all other labeled rows go to the pool.
        test_share: this share of the labels becomes test rows.
        seed: draws what is drawn.
        image_size: side that images are resized to.
        label_column: of a table.
        feature_columns, drop_columns, categorical, numeric, text_column: columns, as of fit.
        unlabeled_marker, class_value: labels, as of fit.
        out: new folder, which fit reads: class folders of pictures, or tables, and truth.csv, which
            tells what each row really is.
        data_root: folder of the built-in data sets; by default the variable REALMIX_DATA.
        debug: show where in the program an error arose.
    """

    name: Positional[Word] = None
    unlabeled: Unset[str | None] = None
    test: Unset[str | None] = None
    scenario: Values = ()
    labels: Number = None
    test_share: Amount = None
    seed: int = 0
    image_size: Number = None
    label_column: str = "label"
    feature_columns: Unset[str | None] = None
    drop_columns: Unset[str | None] = None
    categorical: Unset[str | None] = None
    numeric: Unset[str | None] = None
    text_column: Unset[str | None] = None
    unlabeled_marker: Values = ()
    class_value: Values = ()
    out: Unset[Path | None] = None
    data_root: Unset[str | None] = None
    debug: Flag = False

    @property
    def reading(self) -> dict[str, Any]:
        """What `realmix.data.reading.load.load` is told beside the name."""
        others = ("unlabeled", "test", "data_root", "image_size", "seed")
        return {name: getattr(self, name) for name in (*COLUMNS, *others)}

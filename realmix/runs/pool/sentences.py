"""A run's pool, joined by the sentences of a bank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from realmix.bank.pool import Wanted, with_bank
from realmix.base.errors import UsageError
from realmix.data.pools import Dataset
from realmix.encoders.joined import unfitted
from realmix.encoders.texts.written import TextEncoding
from realmix.runs.augmentation import AnyEncoding, encoding_of
from realmix.runs.config import Config
from realmix.runs.watch import Silent, Watch


def with_sentences(
    dataset: Dataset, config: Config, encoding: AnyEncoding | None, watch: Watch
) -> tuple[Dataset, AnyEncoding | None]:
    """The data set with sentences of the configuration's bank, and the encoding of all its rows.

    Args:
        dataset: with the augmentation that it has.
        config: of the run.
        encoding: of these rows.
        watch: looks on.

    Raises:
        UsageError, DataError, StorageError: see `with_bank`.
    """
    if config.bank is None:
        return dataset, encoding
    wanted = Wanted(Path(config.bank), config.bank_rows, config.bank_query, config.bank_search)
    wanted.check(dataset)
    if not isinstance(encoding, TextEncoding):
        raise UsageError("--bank needs an encoder of texts: --encoder auto.")
    watch.doing("looking for sentences in the bank")
    reader = unfitted(encoding.encoder)  # what is fitted would read the bank anew in each run
    joined = with_bank(dataset, reader, wanted, config.seed, watch.counting, watch.note)
    named = replace(config, encoder=encoding.encoder.reference.name)  # it was said, and stays
    quiet = encoding_of(joined, named, Silent())
    if isinstance(quiet, TextEncoding):
        quiet.counting, quiet.note = watch.counting, watch.note
    return joined, quiet

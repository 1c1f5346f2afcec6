"""What came of a run: the classifier that ships, those that were compared, and the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from realmix.encoders.catalogue import recall
from realmix.evaluate.gate import ALONE, CANDIDATE, PAIR, STUDENT, Verdict
from realmix.models import merged
from realmix.report.evidence import Evidence
from realmix.runs.classifier import Classifier
from realmix.runs.networks import together
from realmix.runs.parts.phase import Trained
from realmix.runs.phases import Phases
from realmix.training.parallel import inner


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        classifier: the one that ships.
        singles: the two that were compared, by ALONE and CANDIDATE; one where nothing was.
        result: the figures, for result.json.
        evidence: what the report shows.
    """

    classifier: Classifier
    singles: dict[str, Classifier]
    result: dict[str, Any]
    evidence: Evidence


def outcome_of(
    phases: Phases,
    verdict: Verdict,
    trained: Mapping[str, Trained],
    result: Mapping[str, Any],
    evidence: Evidence,
) -> Outcome:
    """What came of a run whose trainings, by what they ship as, are `trained`."""
    dataset, config, rows = phases.rows.dataset, phases.config, phases.rows
    about = {name: result[name] for name in ("algorithm", "shipped", "reason")} | {
        "encoding": dataset.encoding and dataset.encoding.to_json(),
        **{name: getattr(dataset, name) for name in ("columns", "scale")},
        **{name: getattr(config, name) for name in ("label_column", "group")},
        "label_counts": result["label_counts"],
    }
    kept = dataset.encoded
    embedded = kept.state if kept else None
    if kept and config.embed_encoder:
        embedded = recall(kept.reference, "This run").weights
    singles = {
        name: Classifier(
            network=merged(inner(one.network)),
            classes=dataset.classes,
            model=one.model,
            shape=rows.shape,
            preset=dataset.preset,
            standardizer=rows.standardizer,
            about={**about, "shipped": name},
            encoder=kept.reference if kept else None,
            embedded=embedded,
        )
        for name, one in trained.items()
    }
    if verdict.shipped == PAIR:
        ships = together(singles[ALONE], singles[CANDIDATE], verdict.pairing, about)
    else:
        ships = singles.get(verdict.shipped, singles[ALONE])
    singles.pop(STUDENT, None)  # it ships, and was not compared
    return Outcome(ships, singles, dict(result), evidence)

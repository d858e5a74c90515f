"""The probability that passages back a claim, from its signals, by weights fitted on labelled pairs.

The weights stand in `weights.json` with where they come from; `python -m benchmarks.pairs --fit` makes them. There is a
set for each case of what compares words: an embedder that has a reader of claims, one that tells what words mean in
their context, one that speaks the language and compares single words, one that does not speak it, and none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

Case = Literal["reading", "contextual", "speaks", "foreign", "none"]
WEIGHTS = Path(__file__).with_name("weights.json")


@dataclass(frozen=True)
class Weights:
    """A logistic function of signals."""

    bias: float
    of: Mapping[str, float]

    def probability(self, signals: Mapping[str, float]) -> float:
        """The probability that a claim with such signals is backed, 0 to 1; one that is not known counts as 0."""
        total = self.bias + sum(weight * signals.get(name, 0.0) for name, weight in self.of.items())
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


@lru_cache(maxsize=1)
def _known() -> dict[str, Weights]:
    stored = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return {case: Weights(entry["bias"], entry["weights"]) for case, entry in stored["cases"].items()}


def weights_of(case: Case) -> Weights:
    """The weights of a case."""
    return _known()[case]

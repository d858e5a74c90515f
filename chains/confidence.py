"""How probable it is that an answer is right: a logistic regression over what is known of it, fitted on data.

The figures of a fit are data: the file `calibration.json` beside this module holds ours, with where they come from,
and the user's own file, which `lastro eval calibrate` writes, is read before it. A calibration is keyed by chat model,
embedder and language. Where none is of all three, that of another chat model is taken, then that of another embedder,
then one of another language; "" stands for any.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from lastro.errors import ConfigError

FORMAT, VERSION = "lastro-calibration", 1
# What a confidence is computed from: each from 0 to 1 but for the last two, which are above 0. See `chains.signals`.
SIGNALS: tuple[str, ...] = (
    "support",  # mean probability that the passages back the claims that count
    "backed",  # share of the claims that the passages back
    "contradicted",  # share of the claims that a passage contradicts
    "span_coverage",  # weighted share of the question's terms in what is cited and the sentences beside it
    "passage_coverage",  # the same for the whole passage, its title and headings
    "missing",  # weight of the question's heaviest term that what is cited has not
    "unnamed",  # share of the question's names and numbers that the passage has not
    "lead",  # how far the sentence that would be quoted is before the next one
    "kind",  # 1 where the answer holds the kind of thing that was asked for, 0 where not, 0.5 where none is expected
    "likeness",  # cosine of question and answer, 0 without an embedder
    "span_likeness",  # cosine of question and cited text
    "answers",  # how surely the passages say the answer to the question, by a reader of claims
    "passage_cosine",  # cosine of question and cited passage, as the search found it
    "rank",  # 1 / rank of the passage that is cited first
    "agreement",  # 1 where what is cited is the sentence that would be quoted, 0.5 where it is of that passage
    "extracted",  # 1 where the answer is a quotation
    "retried",  # 1 where the model was asked a second time
    "added",  # logarithm of 1 + the content words of the answer that the question has not
    "length",  # logarithm of 1 + the words of the answer
)
WITH_READER = ("answers",)  # signals that only an embedder with a reader gives


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted logistic regression, and the least confidence of an answer that is shown."""

    model: str  # name of the chat model, "" for any; so the next two
    embedder: str
    language: str
    intercept: float
    weights: Mapping[str, float]  # by signal, of its standardised value
    means: Mapping[str, float]
    scales: Mapping[str, float]  # standard deviations, above 0
    threshold: float  # 0 to 1
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def confidence(self, signals: Mapping[str, float]) -> float:
        """The probability that an answer with these signals is right, 0 to 1."""
        logit = self.intercept + sum(
            weight * (signals.get(name, self.means[name]) - self.means[name]) / self.scales[name]
            for name, weight in self.weights.items()
        )
        return 1 / (1 + math.exp(-max(min(logit, 60.0), -60.0)))


def find_calibration(
    entries: Iterable[Calibration], *, model: str, embedder: str, language: str
) -> Calibration | None:  # fmt: skip
    """The entry that fits best: a language counts more than an embedder, an embedder more than a chat model."""

    def fit(entry: Calibration) -> tuple[int, int, int]:
        return (
            _meets(entry.language, language), _meets(entry.embedder, embedder), _meets(entry.model, model)
        )  # fmt: skip

    return max(entries, key=fit, default=None)


def _meets(key: str, wanted: str) -> int:
    return 2 if key == wanted else int(not key)


def load_calibrations(path: Path) -> tuple[Calibration, ...]:
    """The entries of a file, in order.

    Raises:
        ConfigError: the file is no calibration, or a later version wrote it.
    """
    return _read(path.read_bytes(), str(path))


@lru_cache(maxsize=1)
def shipped_calibrations() -> tuple[Calibration, ...]:
    """The entries that Lastro comes with."""
    file = files("lastro.chains").joinpath("calibration.json")
    return _read(file.read_bytes(), "calibration.json of lastro.chains")


def known_calibrations(own: Path) -> tuple[Calibration, ...]:
    """The user's own entries, where there is such a file, then ours: of two that fit alike the first counts."""
    return (*(load_calibrations(own) if own.is_file() else ()), *shipped_calibrations())


def _read(data: bytes, name: str) -> tuple[Calibration, ...]:
    try:
        value = json.loads(data.decode("utf-8"))
        if value["format"] != FORMAT or value["version"] != VERSION:
            raise ConfigError(
                f"{name}: format {value['format']!r} version {value['version']!r}, not {FORMAT!r} version {VERSION}; "
                f"remove the file, or move it away, and run `lastro eval calibrate` again"
            )
        return tuple(_checked(Calibration(**entry)) for entry in value["entries"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{name}: no calibration ({error}); remove the file, or move it away, and run `lastro eval calibrate` again"
        ) from error


def _checked(entry: Calibration) -> Calibration:
    """The entry, once every weight is of a signal we know and can be scaled."""
    numbers = [entry.intercept, entry.threshold, *entry.weights.values(), *entry.means.values(), *entry.scales.values()]
    if not all(isinstance(one, int | float) and math.isfinite(one) for one in numbers) or not 0 <= entry.threshold <= 1:
        raise ValueError("a value that is no finite number, or a threshold that is not from 0 to 1")
    unknown = set(entry.weights) - set(SIGNALS)
    if unknown:
        raise ValueError(f"weights of unknown signals {sorted(unknown)}")
    if any(not entry.scales[name] > 0 or name not in entry.means for name in entry.weights):
        raise ValueError("a scale that is not above 0, or a mean that is missing")
    return entry


def save_calibrations(path: Path, entries: Sequence[Calibration]) -> None:
    """Write entries, all or none."""
    text = json.dumps(
        {"format": FORMAT, "version": VERSION, "entries": [asdict(entry) for entry in entries]},
        ensure_ascii=False, indent=1, sort_keys=True,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)

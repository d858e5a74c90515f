"""Fitting what a confidence is computed from: answers that are known to be right or wrong, and a logistic regression.

The regression is L2-regularised, over standardised signals; its strength is chosen by cross-validation. Every figure
that is told, and the threshold, comes of predictions for answers that were not fitted on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lastro.chains.confidence import SIGNALS, WITH_READER, Calibration
from lastro.errors import ConfigError
from lastro.evaluation import bootstrap
from lastro.evaluation.answers import ranking
from lastro.evaluation.answers.ranking import Judgement, Ranked

if TYPE_CHECKING:
    import numpy.typing as npt

Rows = Sequence[tuple[Mapping[str, float], bool]]  # signals of an answer, and whether it was right
FOLDS = 5
KEEP = 0.9  # share of the right answers that a threshold keeps
_STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)  # scikit-learn's C: less is a stronger regularisation
_RESAMPLES = 2_000
_STEPS = 10_000  # of a threshold, from 0 to 1


class Key(NamedTuple):
    """What a calibration is for; "" is any."""

    model: str = ""
    embedder: str = ""
    language: str = ""


def fit(
    rows: Rows,
    key: Key = Key(),  # noqa: B008 - a tuple of texts
    *,
    keep: float = KEEP,
    provenance: Mapping[str, Any] | None = None,
) -> Calibration:
    """The calibration that these answers give; its threshold keeps `keep` of the right ones, as far as can be told.

    Its provenance is what is given, and counts, cross-validated figures and versions.

    Raises:
        ConfigError: there are too few right or wrong answers to cross-validate, or signals are missing.
    """
    names = _names(rows)
    values, right = _matrix(rows, names), np.array([was_right for _, was_right in rows], dtype=bool)
    counts = int(right.sum()), int((~right).sum())
    if min(counts) < 2 * FOLDS:
        raise ConfigError(
            f"{counts[0]} right and {counts[1]} wrong answers: a calibration wants {2 * FOLDS} of each at least; add "
            f"questions"
        )
    search = _search().fit(values, right)
    scaler, regression = search.best_estimator_[0], search.best_estimator_[1]
    foreseen = _foreseen(values, right)
    threshold = threshold_keeping([one for one, was_right in zip(foreseen, right, strict=True) if was_right], keep)
    judged = [Judgement(sure, bool(was_right)) for sure, was_right in zip(foreseen, right, strict=True)]
    figures = {
        "right": counts[0], "wrong": counts[1], "keep": keep, "C": float(search.best_params_["regression__C"]),
        "cross_validated": {"folds": FOLDS, **_figures(judged, threshold)},
        "date": datetime.now(UTC).date().isoformat(), "lastro": version("lastro"),
        "scikit_learn": version("scikit-learn"), "fitted": "logistic regression, L2, standardised signals",
    }  # fmt: skip

    def by_signal(numbers: npt.NDArray[np.float64]) -> dict[str, float]:
        return {name: round(float(number), 6) for name, number in zip(names, numbers, strict=True)}

    return Calibration(
        *key, intercept=round(float(regression.intercept_[0]), 6), weights=by_signal(regression.coef_[0]),
        means=by_signal(scaler.mean_), scales=by_signal(scaler.scale_), threshold=threshold,
        provenance={**(provenance or {}), **figures},
    )  # fmt: skip


def threshold_keeping(right: Sequence[float], keep: float) -> float:
    """The highest threshold, to four digits, that at least `keep` of the confidences of right answers reach.

    >>> threshold_keeping([0.9, 0.8, 0.7, 0.6, 0.5], 0.8), threshold_keeping([0.5], 1.0)
    (0.6, 0.5)
    """
    ordered = sorted(right, reverse=True)
    last = ordered[max(1, math.ceil(keep * len(ordered) - 1e-9)) - 1]
    nearest = round(last * _STEPS)
    return next(one for step in (0, 1) if (one := (nearest - step) / _STEPS) <= last)


def _names(rows: Rows) -> list[str]:
    """The signals of these answers, in the order of `SIGNALS`; what a reader tells is among them where one told it."""
    known = {name for signals, _ in rows for name in signals}
    if missing := sorted(set(SIGNALS) - known - set(WITH_READER)):
        raise ConfigError(f"answers without the signals {', '.join(missing)}: made by another version; answer anew")
    return [name for name in SIGNALS if name in known]


def _matrix(rows: Rows, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Answers by signals."""
    values = np.array([[signals.get(name, np.nan) for name in names] for signals, _ in rows], dtype=np.float64)
    return np.where(np.isnan(values), np.nanmean(values, axis=0), values)  # as a confidence is computed without them


def _search() -> Any:
    """A regression whose strength is chosen by its cross-validated likelihood."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    steps = [("scaler", StandardScaler()), ("regression", LogisticRegression(max_iter=1_000))]
    return GridSearchCV(
        Pipeline(steps), {"regression__C": _STRENGTHS}, scoring="neg_log_loss", cv=_folds(0)
    )  # fmt: skip


def _folds(seed: int) -> Any:
    from sklearn.model_selection import StratifiedKFold

    return StratifiedKFold(FOLDS, shuffle=True, random_state=seed)


def _foreseen(values: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> list[float]:
    """The confidence of each answer by a fit on the others, whose strength was chosen on those alone."""
    from sklearn.model_selection import cross_val_predict

    found = cross_val_predict(_search(), values, right, cv=_folds(1), method="predict_proba")
    return [float(sure) for sure in found[:, 1]]


def _figures(judged: Sequence[Judgement], threshold: float) -> dict[str, float]:
    """What the confidence is worth, and what the threshold does."""
    whole = Ranked.of(judged)
    batches = bootstrap.drawn(len(judged), resamples=_RESAMPLES)
    resampled = np.concatenate([ranking.auroc(Ranked.of(judged, counts)) for counts in batches])
    low, high = bootstrap.percentiles(resampled[~np.isnan(resampled)][:, None])
    shown = [one for one in judged if one.confidence >= threshold]
    right, wrong = sum(one.right for one in judged), sum(not one.right for one in judged)
    wrong_shown = sum(not one.right for one in shown)
    found = {
        "auroc": float(ranking.auroc(whole)[0]), "auroc_low": float(low[0]), "auroc_high": float(high[0]),
        "ece": float(ranking.ece(whole)[0]), "right_kept": (len(shown) - wrong_shown) / right,
        "wrong_refused": 1 - wrong_shown / wrong, "risk": wrong_shown / len(shown) if shown else 0.0,
        "risk_without": wrong / len(judged),
    }  # fmt: skip
    return {name: round(value, 4) for name, value in found.items()}

"""Fusing rankings by their scores: a weighted sum of z-scores.

Ranks alone forget that an embedder which does not speak a language gives flat, meaningless cosines; z-scores with
weights that follow the embedder's languages keep what each search knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leg:
    """One search's scores by id, and what an id that it did not return would have scored at most.

    `floor` is 0 for a keyword search that returned every match, and the least score returned for one that was cut off.
    """

    scores: Mapping[str, float]
    weight: float
    floor: float = 0.0


def z_scores(leg: Leg, over: Sequence[str]) -> dict[str, float]:
    """Standard scores of every id in `over`; all 0 where the leg tells none from another.

    >>> z_scores(Leg({"a": 3.0}, weight=1.0, floor=1.0), ["a", "b"])
    {'a': 1.0, 'b': -1.0}
    """
    values = [leg.scores.get(key, leg.floor) for key in over]
    mean = math.fsum(values) / max(1, len(values))
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / max(1, len(values)))
    if deviation < 1e-12:
        return dict.fromkeys(over, 0.0)
    return {key: (value - mean) / deviation for key, value in zip(over, values, strict=True)}


def fuse(legs: Sequence[Leg]) -> list[tuple[str, float]]:
    """Merge legs over the union of their ids, best first; ties by id.

    >>> [key for key, _score in fuse([Leg({"a": 0.9, "b": 0.1}, 1.0), Leg({"b": 5.0}, 3.0)])]
    ['b', 'a']
    """
    over = sorted({key for leg in legs for key in leg.scores})
    standard = [(z_scores(leg, over), leg.weight) for leg in legs]
    fused = {key: math.fsum(weight * scores[key] for scores, weight in standard) for key in over}
    return sorted(fused.items(), key=lambda item: (-item[1], item[0]))

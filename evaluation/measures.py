"""What a measure is: a number for one question, whose mean is shown, or a number for many questions together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lastro.evaluation.answers.ranking import Judgement, Ranked
from lastro.evaluation.records import Outcome

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure of one question; None where it does not apply, as recall where nothing is to be found."""

    name: str
    compute: Callable[[Outcome], float | None]
    higher_is_better: bool = True
    unit: str = ""  # "" for a share from 0 to 1


@dataclass(frozen=True, slots=True)
class Pooled:
    """A measure of many answers together; `judgement` is None for a question that it leaves out."""

    name: str
    judgement: Callable[[Outcome], Judgement | None]
    compute: Callable[[Ranked], npt.NDArray[np.float64]]  # a value for each sample, nan where there is none
    higher_is_better: bool = True
    unit: str = ""


Measure = Metric | Pooled

"""A rule that a claim breaks, with the words that it is about."""

from __future__ import annotations

from dataclasses import dataclass

from lastro.types import ReasonKind


@dataclass(frozen=True, slots=True)
class Break:
    """A rule that a claim breaks: how surely (0 to 1), and the words of each side.

    `contradicts` where the passage says otherwise and not merely less.
    """

    kind: ReasonKind
    sure: float
    claim: str = ""
    source: str = ""
    contradicts: bool = True

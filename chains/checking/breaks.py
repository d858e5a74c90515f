"""A rule that a claim breaks, told in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "negation", "name", "role", "quantifier", "attribution", "condition"]


@dataclass(frozen=True, slots=True)
class Break:
    """A rule that a claim breaks; `contradicts` where the passage says otherwise and not merely less."""

    kind: Kind
    reason: str
    contradicts: bool = True

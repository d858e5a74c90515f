"""All that is measured between a claim and the sentences that seem to back it: numbers to weigh, rules to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.counting import number_breaks
from lastro.chains.checking.covering import covering_signals
from lastro.chains.checking.hedging import hedging_breaks, is_limited
from lastro.chains.checking.lacking import lacking
from lastro.chains.checking.matching import Cover
from lastro.chains.checking.naming import binding_breaks, name_breaks
from lastro.chains.checking.polarity import denied_part, denied_predicate, negation_breaks, says_contrary, turned_share

_RULES = ("number", "number_bound", "name", "name_bound", "role", "negation", "quantifier", "attribution", "condition",
          "condition_hedged")  # fmt: skip


@dataclass(frozen=True)
class Signals:
    """What was measured of one clause."""

    values: dict[str, float]
    named: tuple[tuple[str, Break], ...]  # the rules that it breaks, by signal
    cover: Cover

    @property
    def breaks(self) -> tuple[Break, ...]:
        """The rules that it breaks."""
        return tuple(item for _, item in self.named)


def signals_of(cover: Cover) -> Signals:
    """The signals of a clause and its cover."""
    values = covering_signals(cover)
    statement = cover.statement
    hedged = is_limited(statement.folded, statement.language)
    values |= dict.fromkeys(_RULES, 0.0)
    found: list[tuple[str, Break]] = []
    for rule, broken in (
        ("number", number_breaks(cover)),
        ("name", name_breaks(cover)),
        ("bound", binding_breaks(cover)),
        ("negation", negation_breaks(cover)),
        ("hedge", hedging_breaks(cover)),
    ):
        for item in broken:
            name = _named(rule, item, hedged=hedged)
            found.append((name, item))
            values[name] = max(values[name], item.sure)
    found += [("lacking", item) for item in lacking(cover)]  # decide alone: there is nothing to weigh
    values["turned"] = turned_share(cover)
    values["contrary"] = float(says_contrary(cover))
    values["denied"] = denied_part(cover)
    values["predicate"] = denied_predicate(cover)
    values["across"] = float(cover.primary.source.passage.language != statement.language)
    values["fragment"] = float(statement.fragment)
    values["polar"] = float(statement.polar is True)
    return Signals(values, tuple(found), cover)


def _named(rule: str, item: Break, *, hedged: bool) -> str:
    if rule == "bound":
        return item.kind if item.kind == "role" else f"{item.kind}_bound"
    if item.kind == "condition" and hedged:
        return "condition_hedged"
    return item.kind


# From here on no careful reader would accept a claim, whatever else it says.
_HARD = {"lacking": 0.0, "number": 1.0, "number_bound": 0.9, "name_bound": 1.0, "quantifier": 1.0}


def hard(found: Signals) -> list[Break]:
    """The breaks of a clause that decide alone."""
    turned = found.values["turned"] >= 1.0
    return [item for name, item in found.named if item.sure >= _HARD.get(name, 2.0) or (turned and name == "negation")]


_LEAST = ("share", "one_sentence", "weakest", "weak_third", "close")


def worst_of(found: Sequence[Signals]) -> dict[str, float]:
    """The signals of a claim: for each the worst of its clauses."""
    return {name: (min if name in _LEAST else max)(one.values[name] for one in found) for name in found[0].values}

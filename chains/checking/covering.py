"""How much of a claim its best sentences say, as numbers."""

from __future__ import annotations

from lastro.chains.checking.matching import Cover, share_of

_SAID = 0.5
_THIN = 0.6  # share of a claim below which little speaks for it


def covering_signals(cover: Cover) -> dict[str, float]:
    """Shares of the claim that are covered, and what is not; each between 0 and about 1."""
    credits, statement = cover.credits(), cover.statement
    content = [c for c, word in zip(credits, statement.words, strict=True) if not word.name]
    lowest = sorted(content)
    third = lowest[: max(1, len(lowest) // 3)] or [1.0]
    return {
        "share": cover.share,
        "one_sentence": share_of(statement, [cover.primary]),
        "thin": max(0.0, 1 - cover.share / _THIN),
        "unsaid": sum(c < _SAID for c in credits) / max(len(credits) + len(statement.quantities), 1),
        "weakest": lowest[0] if lowest else 1.0,
        "weak_third": sum(third) / len(third),
        "gap": _longest_gap(credits) / 6,
        "new_names": sum(c < _SAID and word.name for c, word in zip(credits, statement.words, strict=True)) / 2,
        "close": max(0.0, (cover.closeness - cover.usual) / max(1 - cover.usual, 1e-6)),
        "spans": (len(cover.sentences) - 1) / 2,
    }


def _longest_gap(credits: list[float]) -> int:
    longest = run = 0
    for credit in credits:
        run = run + 1 if credit < _SAID else 0
        longest = max(longest, run)
    return longest

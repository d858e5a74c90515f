"""Outcomes without a library, for what is computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lastro.evaluation.records import Found, Gold, Outcome, Run


def outcome(
    ranking: Sequence[str],
    golds: Mapping[str, int],
    *,
    key: str = "q",
    relevant: Sequence[str] | None = None,
    lang: str = "en",
    ms: float = 10.0,
) -> Outcome:
    """A question whose search found the documents of `ranking`; `golds` are grades by document."""
    wanted = tuple(
        Gold(name, name, name, grade=grade, relevant=relevant is None or name in relevant)
        for name, grade in golds.items()
    )
    found = tuple(
        Found(
            rank=rank, chunk_id=name, document_id=name, title=name, start=0, end=9, page_start=None, page_end=None,
            section="", text=name, tokens=10, score=1 / rank, cosine=0.5,
            golds=tuple(i for i, gold in enumerate(wanted) if gold.id == name),
            golds_by_document=tuple(i for i, gold in enumerate(wanted) if gold.id == name),
        )
        for rank, name in enumerate(ranking, start=1)
    )  # fmt: skip
    return Outcome(
        question_id=key, question=f"{key}?", lang=lang, answerable=True, draft=False, answers=(), golds=wanted,
        found=found, ms=ms,
    )  # fmt: skip


def a_run(outcomes: Sequence[Outcome], name: str = "run") -> Run:
    """A run of these outcomes."""
    return Run(name, {}, 6, tuple(outcomes))

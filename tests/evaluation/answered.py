"""Answers without a model: a chain that says what its script says, over the passages that a library finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lastro.chains.confidence import SIGNALS
from lastro.errors import ContextOverflow
from lastro.evaluation.records import Cited, Outcome, Reply
from lastro.prompts import refusal
from lastro.types import Answer, Citation, Passage, Sentence, Usage
from lastro.vectorstore.library import Library
from tests.evaluation.outcomes import outcome


def cite(passage: Passage, quote: str) -> Citation:
    """A quote of a passage."""
    start = passage.start + passage.text.index(quote)
    return Citation(
        passage.document_id, passage.chunk_id, passage.title, passage.page_start, passage.section, start,
        start + len(quote), quote,
    )  # fmt: skip


@dataclass(frozen=True)
class Says:
    """What is answered to one question: a text, quotes of passages that are found, and how sure it is."""

    text: str = ""  # "" refuses
    quotes: tuple[str, ...] = ()
    confidence: float | None = 0.5
    states: tuple[str, ...] = ("supported",)
    language: str = "en"
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass
class Scripted:
    """A chain from questions to answers; it counts what it was asked."""

    library: Library
    script: Mapping[str, Says]
    asked: list[str] = field(default_factory=list)

    def invoke(self, question: str, /) -> Answer:
        self.asked.append(question)
        says = self.script.get(question, Says())
        if says.text == "too long":
            raise ContextOverflow("the question does not fit")
        found = tuple(self.library.search(question, k=60))
        citations = tuple(
            cite(next(passage for passage in found if quote in passage.text), quote) for quote in says.quotes
        )
        text = f"{says.text} [1]." if says.text and citations else says.text or refusal(says.language)
        sentences = tuple(
            Sentence(says.text if at == 0 else "", 0 if at == 0 else len(text), len(text), state, 0.5)
            for at, state in enumerate(says.states)
        )
        told = signals(says.confidence or 0.0) if says.text else {}
        made = Answer(
            question=question, text=text, state="answered" if says.text else "not_found",
            sentences=sentences if says.text else (), citations=citations, passages=found, dropped=(),
            usage=Usage(prompt_tokens=100, cached_tokens=40, completion_tokens=20), language=says.language,
            confidence=says.confidence if says.text else None, signals=told,
        )  # fmt: skip
        return replace(made, **says.fields)


def signals(value: float) -> dict[str, float]:
    """All signals, of which only the first tells anything."""
    return {name: value if name == SIGNALS[0] else 0.5 for name in SIGNALS}


def replied(
    *,
    right: bool | None = True,
    refused: bool = False,
    confidence: float | None = 0.5,
    golds: int = 1,
    cited: tuple[tuple[int, ...], ...] = (),
    key: str = "q",
    lang: str = "en",
    **fields: object,
) -> Outcome:
    """An answered question; `golds` = 0 makes it unanswerable, `cited` are the golds of each citation."""
    found = outcome(["a"], {f"g{n}": 1 for n in range(golds)}, key=key, lang=lang)
    score = None if right is None or not golds else float(right)
    reply = Reply(
        text="said", state="not_found" if refused else "answered", refused=refused,
        confidence=None if refused else confidence, exact=score, f1=score, contains=score,
        right=right if golds else False, claims={"supported": 1},
        citations=tuple(Cited("d", "c", "t", 1, "", 0, 9, "quote", golds=indices) for indices in cited), seconds=2.0,
        prompt_tokens=100, completion_tokens=20,
    )  # fmt: skip
    return replace(found, answerable=bool(golds), reply=replace(reply, **fields))

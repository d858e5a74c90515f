"""Answers of every state, as the chain makes them, to look at how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from lastro.chains.citations import with_markers
from lastro.prompts import load_text, refusal
from lastro.types import Answer, Citation, Language, Passage, Reason, ReasonKind, Sentence, SentenceState, Usage

KINDS: tuple[ReasonKind, ...] = get_args(ReasonKind)
STATES: tuple[SentenceState, ...] = get_args(SentenceState)
CITATION = Citation("d", "c", "Lease", 3, "", 10, 20, "The lease ends on 31 May 2027.")
OTHER = Citation("e", "c2", "Annex", 1, "", 0, 20, "The rent is 900 dollars.")
PASSAGE = Passage("c", "d", "Lease", "The lease ends on 31 May 2027.", 10, 40, 3, 4, "", 1, 1.0, cosine=0.5)
ENDS = Sentence("The lease ends on 31 May 2027.", 0, 0, "supported", 0.9, (0,))
WRONG_DATE = Sentence(
    "It ends on 31 May 2028.", 0, 0, "contradicted", 0.1, (), (CITATION,), (Reason("number", "2028", "31 May 2027"),)
)
MOON = Sentence("The moon is far.", 0, 0, "unsupported", 0.1, (), (), (Reason("missing", "moon"),))
RENT = Sentence("The rent is 900 dollars.", 0, 0, "misattributed", 0.8, (1,), (), (Reason("marker", "Lease", "Annex"),))
HELLO = Sentence("Here is what I found:", 0, 0, "no_claim", 0.0)


def told(sentences: Sequence[Sentence], language: Language = "en", **fields: object) -> Answer:
    """An answer of these claims, marked and numbered as the chain does it."""
    text, placed = "", []
    for sentence in sentences:
        marked = sentence.state in ("unsupported", "contradicted")
        mark = load_text(f"mark_{sentence.state}", language) if marked else ""
        start = len(text) + (1 if text else 0)
        text = f"{text} {with_markers(sentence.text, sentence.citations, mark)}".lstrip()
        placed.append(replace(sentence, start=start, end=len(text)))
    answer = Answer("When?", text, "partial", tuple(placed), (CITATION, OTHER), (PASSAGE,), (), Usage(), language)
    return replace(answer, **fields)  # type: ignore[arg-type]


ANSWERED = told([ENDS], state="answered", confidence=0.824)
PARTIAL = told([HELLO, ENDS, WRONG_DATE, MOON, RENT], confidence=0.4)
STRICT = told([ENDS], policy="strict", removed=(WRONG_DATE, MOON))
REFUSED = replace(
    told([]), text=refusal("en"), state="not_found", citations=(), nearest=(CITATION, replace(OTHER, page=None))
)
LISTED = replace(told([]), text="The library holds 1 document:\n\n- Lease", state="listed", citations=(), passages=())
UNCHECKED = replace(told([]), text="It ends some day.", state="unchecked", citations=(), policy="off")
BY_STATE = {
    "answered": ANSWERED, "partial": PARTIAL, "not_found": REFUSED, "listed": LISTED, "unchecked": UNCHECKED,
}  # fmt: skip


def hostile(payloads: Sequence[str]) -> Answer:
    """An answer that says the payloads wherever a document or a model has a say."""
    citations, sentences = [], []
    for at, payload in enumerate(payloads):
        citation = replace(CITATION, title=payload, quote=payload, section=payload, page=None if at % 2 else 1)
        citations.append(citation)
        state = STATES[at % len(STATES)]
        backed = state in ("verbatim", "supported", "misattributed")
        reason = Reason(KINDS[at % len(KINDS)], payload, payload)
        against = (citation,) if state == "contradicted" else ()
        sentences.append(Sentence(payload, 0, 0, state, 0.5, (at,) if backed else (), against, (reason,)))
    passages = tuple(replace(PASSAGE, title=payload, text=payload, section=payload) for payload in payloads)
    return told(
        sentences, question=" ".join(payloads), citations=tuple(citations), nearest=tuple(citations),
        removed=tuple(replace(one, state="contradicted", against=one.against or (CITATION,)) for one in sentences),
        passages=passages, dropped=passages, generated="\n\n".join(payloads), confidence=0.5,
    )  # fmt: skip

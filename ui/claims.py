"""The claims of an answer as HTML, each with the look of its state; every character of theirs goes through `markup`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from lastro.chains.markers import strip_markers
from lastro.types import Answer, Citation, Sentence, SentenceState
from lastro.ui.jobs import Draft
from lastro.ui.render import heading, shortened
from lastro.ui.safe import markup
from lastro.ui.texts import Texts

UNBACKED: tuple[SentenceState, ...] = ("unsupported", "contradicted")
_MARKER = re.compile(r"\[(\d{1,3})\]")
_MARK = re.compile(r"\s*\[⚠[^\[\]\n]*\](?=[.!?…]*$)")  # what the chain wrote behind an unbacked claim
_STOPS = re.compile(r"[.!?…]*$")
_STRONG = re.compile(r"\*\*([^*\n]+)\*\*")


def answer_html(answer: Answer, texts: Texts) -> str:
    """The checked answer: markers raised, claims without backing underlined and flagged."""
    parts: list[str] = []
    at = 0
    for sentence in sorted(answer.sentences, key=lambda one: one.start):
        if sentence.start < at or sentence.end > len(answer.text):
            continue
        parts.append(_emphasis(answer.text[at : sentence.start]))
        parts.append(_shown(sentence, answer, texts))
        at = sentence.end
    parts.append(_emphasis(answer.text[at:]))
    return f'<div class="lastro-answer" lang="{markup(answer.language)}">{"".join(parts)}</div>'


def draft_html(draft: Draft, texts: Texts) -> str:
    """What the model has written so far, without its own markers; what is checked already has its look."""
    text = strip_markers(draft.text)
    parts: list[str] = []
    at = 0
    for check in draft.checks:
        start = text.find(check.text, at) if check.text else -1
        if start < 0:
            continue
        parts.append(_emphasis(text[at:start]))
        at = start + len(check.text)
        if check.state in UNBACKED:
            parts.append(_flagged(_emphasis(text[start:at]), check.state, texts))
        else:
            parts.append(f'<span class="lastro-checked">{_emphasis(text[start:at])}</span>')
    parts.append(_emphasis(text[at:]))
    return f'<div class="lastro-answer lastro-draft">{"".join(parts)}<span class="lastro-caret"></span></div>'


def claim_html(sentence: Sentence, why: Sequence[str]) -> str:
    """A claim quoted by itself, with the reasons why nothing backs it."""
    items = "".join(f"<li>{markup(line)}</li>" for line in why)
    return f'<p class="lastro-claim">{_emphasis(sentence.text)}</p><ul class="lastro-why">{items}</ul>'


def _shown(sentence: Sentence, answer: Answer, texts: Texts) -> str:
    words = answer.text[sentence.start : sentence.end]
    if sentence.state not in UNBACKED:
        return _marked(words, sentence.citations, answer.citations, texts)
    # The mark is in the language of the answer; the flag that stands for it, in that of the page.
    marked = _MARK.search(words)
    cut = _STOPS.search(words) if marked is None else marked
    assert cut is not None, "the pattern matches the empty end"
    said = words[: cut.start()]
    stops = words[cut.start() :] if marked is None else words[marked.end() :]
    return _flagged(_emphasis(said + stops), sentence.state, texts)


def _flagged(words: str, state: SentenceState, texts: Texts) -> str:
    """Safe HTML with the look of a claim that nothing backs: its extent is told to those who hear it, too."""
    label, spoken = markup(texts(f"claim.{state}")), markup(texts(f"claim.{state}_spoken"))
    return (
        f'<span class="lastro-spoken">{spoken} </span><span class="lastro-{state}">{words}</span>'
        f'<span class="lastro-flag lastro-flag-{state}"><span aria-hidden="true">⚠ </span>{label}</span>'
    )


def _marked(text: str, own: Collection[int], citations: Sequence[Citation], texts: Texts) -> str:
    """Text with the markers of its own citations raised; any other [n] is the document's or the model's, and stays."""
    parts: list[str] = []
    at = 0
    for match in _MARKER.finditer(text):
        index = int(match.group(1)) - 1
        if index not in own or not 0 <= index < len(citations):
            continue
        citation = citations[index]
        hint = markup(texts("answer.mark", title=heading(citation, texts), quote=shortened(citation.quote)))
        parts.append(_emphasis(text[at : match.start()]))
        parts.append(f'<sup class="lastro-mark" title="{hint}">[{index + 1}]</sup>')
        at = match.end()
    return "".join([*parts, _emphasis(text[at:])])


def _emphasis(text: str) -> str:
    return _STRONG.sub(r"<strong>\1</strong>", markup(text))

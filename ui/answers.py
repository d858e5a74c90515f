"""How a checked answer looks: its state, its text, why claims are marked or gone, its sources, how it came about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import streamlit as st

from lastro.types import Answer, Citation, Passage, Sentence, Usage
from lastro.ui.claims import UNBACKED, answer_html, claim_html
from lastro.ui.reasons import why
from lastro.ui.render import heading, note_html, passages_html, quote_html, shortened
from lastro.ui.safe import plain
from lastro.ui.texts import Texts
from lastro.ui.viewer import open_citation

_BADGES = {
    "answered": ("green", ":material/verified:"),
    "partial": ("orange", ":material/rule:"),
    "not_found": ("gray", ":material/search_off:"),
    "listed": ("blue", ":material/list_alt:"),
    "unchecked": ("orange", ":material/gpp_maybe:"),
}
_DOUBTFUL = ("orange", ":material/rule:")
_UNSURE = 0.5  # confidence below which an answer is rather not the one that was asked for
_NAMED = 60  # characters of a claim that a note speaks of


def show_answer(answer: Answer, index: int, texts: Texts, *, last: bool) -> None:
    """Draw an answer; `index` is its place in the conversation, and the last one is unfolded."""
    _head(answer, texts)
    st.html(answer_html(answer, texts))
    for note in _notes(answer, texts):
        st.html(note_html(note))
    marked = [sentence for sentence in answer.sentences if sentence.state in UNBACKED]
    _statements("answer.marked", ":material/help:", marked, f"{index}-marked", texts, expanded=last)
    _statements("answer.removed", ":material/content_cut:", answer.removed, f"{index}-removed", texts, expanded=False)
    if answer.citations:
        label = texts.count("answer.sources", len(answer.citations))
        with st.expander(label, expanded=last, icon=":material/format_quote:"):
            for number, citation in enumerate(answer.citations, 1):
                _quoted(citation, f"cite-{index}-{number}", texts, before=f"**\\[{number}\\]** ")
    if answer.nearest:
        with st.expander(texts("answer.nearest"), expanded=last, icon=":material/near_me:"):
            for number, citation in enumerate(answer.nearest, 1):
                _quoted(citation, f"near-{index}-{number}", texts)
    if answer.passages or answer.dropped or answer.generated or _usage(answer.usage, texts):
        with st.expander(texts("details.title"), icon=":material/info:"):
            _details(answer, texts)


def _head(answer: Answer, texts: Texts) -> None:
    color, icon = _BADGES[answer.state]
    label = f"answer.{answer.state}"
    if answer.state == "partial" and answer.policy == "strict":
        label = "answer.partial_strict"
    elif answer.state == "answered" and answer.confidence is not None and answer.confidence < _UNSURE:
        (color, icon), label = _DOUBTFUL, "answer.doubtful"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(texts(label), icon=icon, color=color)  # type: ignore[arg-type]
        if answer.confidence is not None:
            percent = texts.percent(answer.confidence)
            said = texts("answer.confidence", percent=percent)
            st.caption(said, help=texts("answer.confidence_help"), width="content")


def _notes(answer: Answer, texts: Texts) -> Iterator[str]:
    if answer.extracted:
        yield texts("answer.extracted")
    for sentence in answer.sentences:
        if sentence.state == "misattributed":
            named = shortened(sentence.text, _NAMED)
            reasons = why(sentence, texts) or [texts("claim.misattributed_help")]
            yield texts("claim.misattributed", claim=named, why=" ".join(reasons))


def _statements(
    label: str, icon: str, sentences: Sequence[Sentence], key: str, texts: Texts, *, expanded: bool
) -> None:
    """Claims that nothing backs, each with why, and with the passage that says otherwise."""
    if not sentences:
        return
    with st.expander(texts.count(label, len(sentences)), expanded=expanded, icon=icon):
        for number, sentence in enumerate(sentences, 1):
            st.html(claim_html(sentence, why(sentence, texts)))
            for other, citation in enumerate(sentence.against, 1):
                _quoted(citation, f"against-{key}-{number}-{other}", texts)


def _quoted(citation: Citation, key: str, texts: Texts, *, before: str = "") -> None:
    """A passage with its place, and the way into its document; `before` is Markdown of ours."""
    st.markdown(f"{before}{plain(heading(citation, texts), limit=160)}")
    st.html(quote_html(citation.quote))
    if st.button(texts("answer.show"), key=key, icon=":material/plagiarism:", type="tertiary"):
        open_citation(citation, key)


def _details(answer: Answer, texts: Texts) -> None:
    if answer.retried:
        st.html(note_html(texts("details.retried")))
    cited = {citation.chunk_id for citation in answer.citations}
    other = [passage for passage in answer.passages if passage.chunk_id not in cited]
    _passages(texts("details.consulted" if cited else "details.nearest"), other, texts)
    _passages(texts("details.dropped"), list(answer.dropped), texts)
    if answer.generated.strip() and answer.generated.strip() != answer.text.strip():
        st.caption(texts("details.generated"))
        st.html(quote_html(answer.generated))
    st.html(note_html(_usage(answer.usage, texts)))


def _passages(title: str, passages: list[Passage], texts: Texts) -> None:
    if not passages:
        return
    st.caption(title)
    st.html(passages_html(passages, texts))


def _usage(usage: Usage, texts: Texts) -> str:
    parts = []
    if usage.seconds_total is not None and usage.seconds_to_first_token is not None:
        first = texts.number(usage.seconds_to_first_token, 1)
        parts.append(texts("details.timing", total=texts.number(usage.seconds_total, 1), first=first))
    elif usage.seconds_total is not None:
        parts.append(texts("details.timing_total", total=texts.number(usage.seconds_total, 1)))
    counted = {"prompt": usage.prompt_tokens, "cached": usage.cached_tokens, "written": usage.completion_tokens}
    if usage.prompt_tokens or usage.completion_tokens:  # not every chat model counts
        parts.append(texts("details.tokens", **counted))
    if usage.tokens_per_second is not None:
        parts.append(texts("details.speed", speed=f"{usage.tokens_per_second:.0f}"))
    return " · ".join(parts)

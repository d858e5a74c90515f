"""How a conversation looks: questions, the answer being written, the checked answer and its sources."""

from __future__ import annotations

import streamlit as st

from lastro.types import Answer, Citation, Passage, Usage
from lastro.ui import session
from lastro.ui.conversations import Turn
from lastro.ui.jobs import AnswerJob
from lastro.ui.render import answer_html, heading, note_html, passages_html, quote_html, stream_html
from lastro.ui.safe import markup, plain
from lastro.ui.state import services
from lastro.ui.texts import Texts
from lastro.ui.viewer import open_citation

POLL_SECONDS = 0.4
LOADING_POLL_SECONDS = 2.0  # drawing takes the interpreter from the import of the models
USER, ASSISTANT = ":material/person:", ":material/anchor:"
_BADGES = {
    "answered": ("green", ":material/verified:"),
    "partial": ("orange", ":material/rule:"),
    "not_found": ("gray", ":material/search_off:"),
}


def question(text: str) -> None:
    """Draw what was asked."""
    with st.chat_message("user", avatar=USER):
        st.html(f'<div class="lastro-answer">{markup(text)}</div>')


def ended(turn: Turn, index: int, *, last: bool) -> None:
    """Draw how a turn ended."""
    texts = session.texts()
    with st.chat_message("assistant", avatar=ASSISTANT):
        if turn.answer is not None:
            _answer(turn.answer, index, texts, last=last)
            if turn.stopped:
                st.html(note_html(texts("answer.stopped")))
            return
        if turn.stopped:
            st.html(note_html(texts("answer.stopped_empty")))
        elif turn.error:
            st.error(texts("answer.failed", error=plain(turn.error)), icon=":material/error:")
        else:
            st.warning(texts("answer.interrupted"), icon=":material/power_off:")
        if last and st.button(texts("do.again"), key=f"again-{index}", icon=":material/refresh:"):
            session.ask(turn.question)
            st.rerun()


def live(job: AnswerJob) -> None:
    """Draw an answer while it is written; a change of page or a reload finds it again."""
    with st.chat_message("assistant", avatar=ASSISTANT):
        every = LOADING_POLL_SECONDS if services().loading.running else POLL_SECONDS
        st.fragment(run_every=every)(_live)(job)


def _live(job: AnswerJob) -> None:
    texts = session.texts()
    if not job.running:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.badge(_stage(job, texts), icon=":material/hourglass_top:", color="blue")
        if st.button(texts("do.stop"), key="stop", icon=":material/stop_circle:", disabled=job.cancelled):
            job.cancel()
    if job.text:
        st.html(stream_html(job.text))


def _stage(job: AnswerJob, texts: Texts) -> str:
    if job.cancelled:
        return texts("stage.stopping")
    if services().jobs.waits_for_the_model(job):
        return texts("stage.waiting")
    if job.stage == "reading":
        return texts.count("stage.reading", job.found)
    return texts(f"stage.{job.stage}")


def _answer(answer: Answer, index: int, texts: Texts, *, last: bool) -> None:
    color, icon = _BADGES[answer.state]
    st.badge(texts(f"answer.{answer.state}"), icon=icon, color=color)  # type: ignore[arg-type]
    st.html(answer_html(answer, texts))
    if answer.extracted:
        st.html(note_html(texts("answer.extracted")))
    if answer.citations:
        label = texts.count("answer.sources", len(answer.citations))
        with st.expander(label, expanded=last, icon=":material/format_quote:"):
            for number, citation in enumerate(answer.citations, 1):
                _citation(citation, number, f"{index}-{number}", texts)
    with st.expander(texts("details.title"), icon=":material/info:"):
        _details(answer, texts)


def _citation(citation: Citation, number: int, key: str, texts: Texts) -> None:
    st.markdown(f"**\\[{number}\\]** {plain(heading(citation, texts), limit=160)}")
    st.html(quote_html(citation.quote))
    if st.button(texts("answer.show"), key=f"cite-{key}", icon=":material/plagiarism:", type="tertiary"):
        open_citation(citation, key)


def _details(answer: Answer, texts: Texts) -> None:
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

"""How a conversation looks: questions, the answer being written, and how a turn ended."""

from __future__ import annotations

import streamlit as st

from lastro.ui import session
from lastro.ui.answers import show_answer
from lastro.ui.claims import draft_html
from lastro.ui.conversations import Turn
from lastro.ui.jobs import AnswerJob
from lastro.ui.render import note_html
from lastro.ui.safe import markup, plain
from lastro.ui.state import services
from lastro.ui.texts import Texts

POLL_SECONDS = 0.4
LOADING_POLL_SECONDS = 2.0  # drawing takes the interpreter from the import of the models
USER, ASSISTANT = ":material/person:", ":material/anchor:"


def question(text: str) -> None:
    """Draw what was asked."""
    with st.chat_message("user", avatar=USER):
        st.html(f'<div class="lastro-answer">{markup(text)}</div>')


def ended(turn: Turn, index: int, *, last: bool) -> None:
    """Draw how a turn ended."""
    texts = session.texts()
    with st.chat_message("assistant", avatar=ASSISTANT):
        if turn.answer is not None:
            show_answer(turn.answer, index, texts, last=last)
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
    if job.draft.text:
        st.html(draft_html(job.draft, texts))


def _stage(job: AnswerJob, texts: Texts) -> str:
    if job.cancelled:
        return texts("stage.stopping")
    if services().jobs.waits_for_the_model(job):
        return texts("stage.waiting")
    if job.draft.again:
        return texts("stage.again")
    if job.stage == "reading":
        return texts.count("stage.reading", job.found)
    return texts(f"stage.{job.stage}")

"""Ask, watch the answer being written, read it with its sources."""

from __future__ import annotations

import streamlit as st

from lastro.errors import LastroError
from lastro.types import DocumentRecord
from lastro.ui import session, turns
from lastro.ui.jobs import Job
from lastro.ui.render import empty_html
from lastro.ui.safe import plain
from lastro.ui.state import Services, services
from lastro.ui.texts import Texts

LONGEST_QUESTION = 4_000  # characters
DOCUMENTS_PAGE = "views/documents.py"


def draw(parts: Services, texts: Texts) -> None:
    # In this order: a job that ends between the two has kept its answer, so the conversation holds it.
    job = parts.jobs.answer(session.conversation_id())
    conversation = session.conversation()
    documents = _documents(parts, texts)
    _loading(parts, texts, asking=bool(documents))
    if conversation is None:
        _welcome(documents, texts)
    for index, turn in enumerate(conversation.turns if conversation else ()):
        last = conversation is not None and index == len(conversation.turns) - 1
        turns.question(turn.question)
        if last and job is not None:
            turns.live(job)
        else:
            turns.ended(turn, index, last=last)
    asked = st.chat_input(
        texts("chat.placeholder"), key="question", max_chars=LONGEST_QUESTION, disabled=job is not None or not documents
    )
    if asked and asked.strip():
        session.ask(asked.strip())
        st.rerun()


def _documents(parts: Services, texts: Texts) -> list[DocumentRecord] | None:
    """The documents; None while the library opens or where it cannot be."""
    if parts.opening.running:
        return None
    try:
        library = parts.library()
        return library.documents() if library is not None else []
    except LastroError as error:
        st.error(texts("chat.library_failed", error=plain(str(error))), icon=":material/error:")
        return None


def _welcome(documents: list[DocumentRecord] | None, texts: Texts) -> None:
    if session.conversation_id():
        st.info(texts("chat.gone"), icon=":material/history_toggle_off:")
    if documents:
        st.html(empty_html(texts("chat.title"), texts.count("chat.ready", len(documents))))
    elif documents is not None:
        st.html(empty_html(texts("chat.empty_title"), texts("chat.empty_text")))
        with st.container(horizontal=True, horizontal_alignment="center"):
            st.page_link(DOCUMENTS_PAGE, label=texts("chat.empty_link"), icon=":material/upload_file:")
    else:
        st.html(empty_html(texts("chat.title"), texts("app.tagline")))


def _loading(parts: Services, texts: Texts, *, asking: bool) -> None:
    if parts.opening.running:
        _poll(parts.opening, texts("chat.opening"))
    elif parts.loading.running:
        _poll(parts.loading, texts("chat.loading_ask" if asking else "chat.loading"))
    elif parts.loading.error:
        st.error(texts("chat.load_failed", error=plain(parts.loading.error)), icon=":material/error:")
        if st.button(texts("do.retry"), key="retry", icon=":material/refresh:"):
            parts.start()
            st.rerun()


def _poll(job: Job, label: str) -> None:
    def look() -> None:
        if not job.running:
            st.rerun()
        st.info(label, icon="spinner")

    st.fragment(run_every=turns.LOADING_POLL_SECONDS, key="loading")(look)()


draw(services(), session.texts())

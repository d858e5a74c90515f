"""What stands beside every page: language, conversations, the wishes for the next answers."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from lastro.types import Policy
from lastro.ui import session
from lastro.ui.render import note_html
from lastro.ui.safe import markup, plain
from lastro.ui.state import services
from lastro.ui.texts import LANGUAGES, Texts

LISTED = 30  # conversations shown, newest first
CHAT_PAGE = "views/chat.py"
DOCUMENTS_PAGE = "views/documents.py"


def draw() -> None:
    """Draw the sidebar, the way between the pages included."""
    texts = session.texts()
    with st.sidebar:
        st.html(
            f'<div class="lastro-brand"><strong>{markup(texts("app.name"))}</strong>'
            f"<p>{markup(texts('app.tagline'))}</p></div>"
        )
        with st.container(gap="xxsmall"):
            st.page_link(CHAT_PAGE, label=texts("nav.chat"), icon=":material/forum:")
            st.page_link(DOCUMENTS_PAGE, label=texts("nav.documents"), icon=":material/folder_open:")
        if st.button(texts("side.new"), icon=":material/add_comment:", width="stretch", key="new-conversation"):
            session.open_conversation("")
            st.switch_page(CHAT_PAGE)
        _conversations(texts)
        with st.expander(texts("side.settings"), icon=":material/tune:"):
            _settings(texts)
        _language(texts)


def _language(texts: Texts) -> None:
    def switch() -> None:
        st.session_state["language"] = st.session_state["language_choice"] or session.language()
        session.remember()

    st.segmented_control(
        texts("app.language"),
        LANGUAGES,
        default=session.language(),
        required=True,
        format_func=lambda language: texts(f"language.{language}"),
        key="language_choice",
        on_change=switch,
        label_visibility="collapsed",
    )


def _conversations(texts: Texts) -> None:
    st.caption(texts("side.conversations"))
    known = services().conversations.of(session.owner())[:LISTED]
    if not known:
        st.html(note_html(texts("side.none")))
    with st.container(gap="xxsmall"):
        for conversation in known:
            _conversation(conversation.id, conversation.title, texts)


def _conversation(conversation_id: str, title: str, texts: Texts) -> None:
    current = conversation_id == session.conversation_id()
    left, right = st.columns([6, 1], gap="small", vertical_alignment="center")
    with left:
        if st.button(
            plain(title, limit=34),
            key=f"open-{conversation_id}",
            type="secondary" if current else "tertiary",
            width="stretch",
        ):
            session.open_conversation(conversation_id)
            st.switch_page(CHAT_PAGE)
    with right:
        if st.button(
            "", key=f"delete-{conversation_id}", type="tertiary", icon=":material/delete:", help=texts("side.delete")
        ):
            st.dialog(texts("side.delete_title"))(_confirm_delete)(conversation_id, title)


def _confirm_delete(conversation_id: str, title: str) -> None:
    texts = session.texts()
    st.markdown(f"**{plain(title, limit=120)}**")
    st.write(texts("side.delete_text"))
    with st.container(horizontal=True):
        if st.button(texts("do.delete"), type="primary", key="delete-yes", on_click=_delete, args=(conversation_id,)):
            st.rerun()
        if st.button(texts("do.cancel"), key="delete-no"):
            st.rerun()


def _delete(conversation_id: str) -> None:
    job = services().jobs.answer(conversation_id)
    if job is not None:
        job.cancel()
    services().conversations.delete(conversation_id)
    if conversation_id == session.conversation_id():
        session.open_conversation("")


def _settings(texts: Texts) -> None:
    settings = services().settings
    st.slider(
        texts("side.temperature"),
        0.0,
        2.0,
        value=settings.llm.temperature,
        step=0.1,
        key="temperature",
        help=texts("side.temperature_help"),
    )
    st.slider(
        texts("side.k"),
        1,
        max(20, settings.retrieval.k),
        value=settings.retrieval.k,
        key="k",
        help=texts("side.k_help"),
    )
    st.segmented_control(
        texts("side.answer_language"),
        ("auto", "en", "pt"),
        default=settings.answer.language,
        required=True,
        format_func=lambda code: texts("side.answer_auto" if code == "auto" else f"language.{code}"),
        key="answer_language",
    )
    policies = get_args(Policy)
    st.radio(
        texts("side.policy"),
        policies,
        index=policies.index(settings.answer.policy),
        format_func=lambda policy: texts(f"side.policy_{policy}"),
        key="policy",
        help=texts("side.policy_help"),
    )

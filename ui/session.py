"""What one browser tab remembers: its language and conversation, kept in the URL over a reload, and its wishes."""

from __future__ import annotations

import ipaddress

import streamlit as st

from lastro.types import Language
from lastro.ui.conversations import Conversation, is_id, new_id
from lastro.ui.state import Overrides, services
from lastro.ui.texts import Texts, choose_language, load_texts

THIS_MACHINE = "local"  # owner of every conversation held on a page that only this machine can open


def begin() -> None:
    """Take over what the URL says on the first run, and write it back: a change of page drops the query."""
    state, query = st.session_state, st.query_params
    if "language" not in state:
        wished = services().settings.ui.language
        state["language"] = choose_language(query.get("lang"), wished, st.context.locale)
    if "conversation" not in state:
        named = query.get("c", "")
        state["conversation"] = named if is_id(named) else ""
    if "owner" not in state:
        named = query.get("me", "")
        state["owner"] = THIS_MACHINE if _serves_this_machine_only() else named if is_id(named) else new_id()
    remember()


def remember() -> None:
    """Write the tab's memory into the URL."""
    state, query = st.session_state, st.query_params
    wanted = {"lang": state["language"], "c": state["conversation"]}
    if state["owner"] != THIS_MACHINE:
        wanted["me"] = state["owner"]
    for key, value in wanted.items():
        if value and query.get(key) != value:
            query[key] = value
        elif not value and key in query:
            del query[key]


def _serves_this_machine_only() -> bool:
    address = str(st.get_option("server.address") or "0.0.0.0")  # Streamlit's own default
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def language() -> Language:
    """The language of the page."""
    return choose_language(st.session_state.get("language"))


def texts() -> Texts:
    """The words of the page's language."""
    return load_texts(language())


def owner() -> str:
    """The key under which this browser's conversations are kept."""
    return str(st.session_state["owner"])


def conversation_id() -> str:
    """The conversation on the page, "" before its first question."""
    return str(st.session_state["conversation"])


def conversation() -> Conversation | None:
    """The conversation on the page, None before its first question or where it is gone."""
    return services().conversations.load(conversation_id())


def open_conversation(conversation_id: str) -> None:
    """Turn to another conversation; "" begins a new one."""
    st.session_state["conversation"] = conversation_id
    remember()


def overrides() -> Overrides:
    """The reader's wishes for the next answers; the settings' own values where nothing was moved."""
    state, settings = st.session_state, services().settings
    return Overrides(
        temperature=float(state.get("temperature", settings.llm.temperature)),
        k=int(state.get("k", settings.retrieval.k)),
        language=state.get("answer_language") or settings.answer.language,
        policy=state.get("policy") or settings.answer.policy,
    )


def ask(question: str) -> None:
    """Put a question; the first one begins the conversation."""
    if not conversation_id():
        open_conversation(new_id())
    services().ask(conversation_id(), question, owner=owner(), overrides=overrides())

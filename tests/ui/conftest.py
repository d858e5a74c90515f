"""A browser's tab, and the parts behind a page that is worked without one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import streamlit as st

import lastro
from lastro.config import load_settings
from lastro.types import Upload
from lastro.ui import state
from tests.fakes import HashEmbeddings, ScriptedChat
from tests.ui.paging import LEASE, SOON
from tests.ui.serving import PATIENCE, is_outside

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A page that notes every request beyond this machine, and must end with none."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
    page, outside = context.new_page(), list[str]()
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: outside.append(request.url) if is_outside(request.url) else None)
    yield page
    context.close()
    assert outside == []


@pytest.fixture
def model():
    return ScriptedChat(script="The monthly rent of the mill is 900 dollars. The moon is made of green cheese.")


@pytest.fixture
def parts(model, monkeypatch):
    st.cache_resource.clear()
    settings = load_settings()
    embedder = HashEmbeddings()
    made = state.Services(
        settings,
        open_library=lambda create: lastro.open_library("default", create=create, settings=settings, embedder=embedder),
        chat_model=lambda: model,
    )
    monkeypatch.setattr(state, "build_services", lambda: made)
    assert made.opening.wait(SOON)
    assert made.loading.wait(SOON)
    yield made
    library = made.library()
    if library is not None:
        library.close()
    st.cache_resource.clear()


@pytest.fixture
def stocked(parts):
    assert parts.add([Upload("lease.md", LEASE)]).wait(SOON)
    assert parts.library() is not None
    return parts

"""A browser's tab."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

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

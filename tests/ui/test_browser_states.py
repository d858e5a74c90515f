"""Answers of every state and hostile texts in a real browser, with a scripted model."""

import os
import sys

import pytest

import lastro
from lastro.types import Upload
from lastro.ui.conversations import ConversationStore, new_id
from lastro.ui.safe import file_name
from lastro.ui.texts import load_texts
from tests.chromium import CHROMIUM
from tests.fakes import HashEmbeddings
from tests.ui import samples
from tests.ui.payloads import PAYLOADS
from tests.ui.serving import ask, free_port, served

EN = load_texts("en")
OWNER = "local"  # whose conversations a page shows that only this machine can open
AT_ONCE = 13  # payloads in one answer
FORBIDDEN = (
    "img,picture,iframe,object,embed,script,style,form,input,table,math,code,pre,em,del,h1,h2,ol,hr,.katex,a[href]"
)
CALM = "document.querySelector('[data-test-script-state=running]') === null"
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]


def stock(home, uploads):
    with lastro.open_library(home / "libraries" / "default", embedder=HashEmbeddings()) as library:
        assert library.add(uploads).count("ok") == len(uploads)


def scripted(port):
    return [sys.executable, "-m", "tests.ui.scripted_app", str(port)]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The address of a page whose conversations and documents are payloads, and the id of a conversation of all."""
    home, port, key = tmp_path_factory.mktemp("home"), free_port(), new_id()
    names = {file_name(f"{payload}.md") for payload in PAYLOADS[::4]}
    stock(home, [Upload(name, f"# {name}\n\n{name} {at}".encode()) for at, name in enumerate(sorted(names))])
    store = ConversationStore(home / "conversations")
    for start in range(0, len(PAYLOADS), AT_ONCE):
        group = PAYLOADS[start : start + AT_ONCE]
        store.ask(key, "\n\n".join(group), owner=OWNER)
        store.finish(key, answer=samples.hostile(group))
        other = new_id()
        store.ask(other, group[0], owner=OWNER)
        store.finish(other, error="\n".join(group))
    with served(scripted(port), port, home) as address:
        yield address, key


def nothing_but_text(tab, address):
    tab.wait_for_function(CALM)
    for place in ("[data-testid=stMarkdownContainer]", "[data-testid=stHtml]"):
        found = tab.locator(f"{place} :is({FORBIDDEN})").evaluate_all(
            "nodes => nodes.filter(node => !node.closest('[data-testid=stPageLink]')).map(node => node.outerHTML)"
        )
        assert found == []
    assert tab.locator("img, iframe, object, embed, .katex").count() == 0
    links = tab.locator("a[href]").evaluate_all("nodes => nodes.map(node => node.href)")
    assert [link for link in links if not link.startswith(address)] == []


def test_no_payload_becomes_a_node_of_the_page(hostile, tab):
    address, key = hostile
    said = []
    tab.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
    tab.goto(f"{address}/?lang=en&c={key}")
    turns = -(-len(PAYLOADS) // AT_ONCE)
    tab.get_by_text(EN("details.title")).nth(turns - 1).wait_for()
    tab.evaluate("document.querySelectorAll('details:not([open]) > summary').forEach(summary => summary.click())")
    tab.wait_for_function(f"document.querySelectorAll('.lastro-quote').length >= {3 * len(PAYLOADS)}")
    nothing_but_text(tab, address)
    shown = tab.locator("[data-testid=stMain], .stMain").first.inner_text()
    assert "![x](https://evil.example/a.png)" in shown.replace("\u2060", ""), "the payloads are there, as text"
    tab.get_by_role("button", name=EN("answer.show")).last.click()
    tab.get_by_role("dialog").wait_for()
    nothing_but_text(tab, address)
    assert said == []


def test_no_name_of_a_document_becomes_a_node_of_the_page(hostile, tab):
    address, _ = hostile
    tab.goto(f"{address}/documents?lang=pt")
    tab.get_by_role("button", name=load_texts("pt")("do.open")).first.wait_for()
    nothing_but_text(tab, address)
    tab.get_by_role("button", name=load_texts("pt")("do.remove")).first.click()
    tab.get_by_role("dialog").wait_for()
    nothing_but_text(tab, address)


def test_a_question_asked_while_the_model_loads_is_answered_once_it_is_there(tab, tmp_path):
    stock(tmp_path, [Upload("lease.md", b"# Lease of the mill\n\nThe monthly rent of the mill is 900 dollars.")])
    (tmp_path / "script.txt").write_text("The monthly rent of the mill is 900 dollars.")
    os.mkfifo(tmp_path / "gate")
    port = free_port()
    with served(scripted(port), port, tmp_path) as address:
        tab.goto(f"{address}/?lang=en")
        ask(tab, EN, "What is the monthly rent of the mill?")
        tab.get_by_text(EN("stage.loading"), exact=True).wait_for()
        tab.reload()
        tab.get_by_text(EN("stage.loading"), exact=True).wait_for()
        (tmp_path / "gate").write_bytes(b"go")
        tab.get_by_text(EN("details.title")).wait_for()
        assert "900 dollars" in tab.locator(".lastro-answer").last.inner_text()
        ask(tab, EN, "Is it 900 dollars?")
        tab.get_by_text(EN("details.title")).nth(1).wait_for()

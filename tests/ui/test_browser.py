"""The page in a real browser: the real command, the real starter models, the sample documents."""

import json
import sys
from pathlib import Path

import pytest

from lastro.ui.texts import load_texts
from tests.chromium import CHROMIUM
from tests.ui.payloads import PAYLOADS
from tests.ui.serving import FREE_TO_ASK, ROOT, ask, free_port, served

DOCUMENTS = sorted((ROOT / "examples/documents").iterdir())
QUESTION = "How much is the security deposit?"
EN, PT = load_texts("en"), load_texts("pt")
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    port, home = free_port(), tmp_path_factory.mktemp("home")
    with served([sys.executable, "-m", "lastro", "app", "--port", str(port)], port, home) as found:
        yield found


def shot(page, name: str, folder: Path) -> None:
    page.screenshot(path=str(folder / f"{name}.png"))


def test_a_person_adds_a_document_asks_looks_at_the_source_and_comes_back(address, tab, tmp_path):
    tab.goto(address)
    tab.get_by_text(EN("chat.empty_title")).wait_for()
    shot(tab, "1-empty", tmp_path)

    tab.get_by_role("link", name=EN("chat.empty_link")).click()
    tab.locator("input[type=file]").set_input_files(DOCUMENTS)
    tab.get_by_role("button", name=EN("documents.add")).click()
    tab.get_by_text(EN.count("documents.list", len(DOCUMENTS))).wait_for()
    tab.get_by_text("commercial-lease.pdf").first.wait_for()
    shot(tab, "2-added", tmp_path)

    tab.get_by_role("link", name=EN("nav.chat")).click()
    tab.get_by_text(EN.count("chat.ready", len(DOCUMENTS))).wait_for()
    ask(tab, EN, QUESTION)
    tab.get_by_role("button", name=EN("do.stop")).wait_for()
    shot(tab, "3-being-written", tmp_path)
    tab.reload()  # in mid-answer: it is found again
    tab.get_by_text(EN("details.title")).wait_for()
    quote = " ".join(tab.locator(".lastro-quote").first.inner_text().split())
    where = str(tab.locator(".lastro-mark").first.get_attribute("title")).partition(": “")[0]
    assert quote
    assert "Commercial Lease Agreement, page " in where
    shot(tab, "4-answer", tmp_path)

    tab.get_by_role("button", name=EN("answer.show")).first.click()
    tab.get_by_role("dialog").locator(".lastro-cited").wait_for()
    dialog = tab.get_by_role("dialog")
    assert " ".join(dialog.locator(".lastro-cited").inner_text().split()) == quote
    assert dialog.get_by_text(f"Page {where.rpartition(' ')[2]}", exact=True).is_visible()
    tab.wait_for_function("""() => {
        const mark = document.querySelector('.lastro-cited').getBoundingClientRect();
        const frame = document.querySelector('.lastro-page').getBoundingClientRect();
        return mark.top >= frame.top && mark.bottom <= frame.bottom;
    }""")
    shot(tab, "5-source", tmp_path)
    tab.keyboard.press("Escape")

    tab.reload()
    tab.get_by_text(QUESTION).first.wait_for()
    tab.get_by_text(EN("details.title")).wait_for()

    tab.locator(".st-key-language_choice").get_by_text(PT("language.pt")).click()
    tab.get_by_text(PT("side.new")).wait_for()
    tab.get_by_text(PT("details.title")).wait_for()
    assert "lang=pt" in tab.url
    shot(tab, "6-portuguese", tmp_path)


def test_words_appear_as_they_are_written_and_give_way_to_the_checked_answer(address, tab, tmp_path):
    tab.goto(f"{address}/?lang=pt")
    ask(tab, PT, "Qual é o valor mensal do contrato de manutenção?")
    tab.wait_for_function("(document.querySelector('.lastro-draft')?.innerText ?? '').length > 10")
    shot(tab, "8-being-written", tmp_path)
    tab.get_by_text(PT("details.title")).wait_for()
    assert tab.locator(".lastro-draft").count() == 0
    assert "7.480,50" in tab.locator(".lastro-answer").last.inner_text()
    assert "página 1" in str(tab.locator(".lastro-mark").first.get_attribute("title"))
    shot(tab, "9-answered", tmp_path)


def test_stop_ends_an_answer_and_the_next_question_can_be_asked(address, tab, tmp_path):
    tab.goto(f"{address}/?lang=pt")
    ask(tab, PT, "Which duties does the tenant have under this lease, clause by clause?")
    tab.get_by_role("button", name=PT("do.stop")).click()
    tab.get_by_text("Você parou esta resposta").wait_for()
    tab.wait_for_function(FREE_TO_ASK)
    shot(tab, "7-stopped", tmp_path)


def test_a_visit_that_begins_at_the_documents_page_is_a_whole_page(address, tab):
    tab.goto(f"{address}/documents?lang=pt")
    tab.get_by_role("heading", name=PT("documents.title"), exact=True).wait_for()
    tab.get_by_text(PT("app.tagline")).wait_for()


GALLERY = """
import json, pathlib
import streamlit as st
from lastro.ui.render import note_html, quote_html
from lastro.ui.safe import plain
for index, payload in enumerate(json.loads(pathlib.Path("payloads.json").read_text())):
    st.markdown("M" + plain(payload))
    st.markdown(plain(payload))
    st.caption(plain(payload))
    st.error(plain(payload))
    st.button("B" + plain(payload), key=f"b{index}")
    st.badge("x" + plain(payload))
    st.html(quote_html(payload) if payload.strip() else "<p></p>")
    st.html(note_html(payload))
st.text("the end")
"""


def test_no_payload_becomes_a_node_in_the_browser(browser, tab, tmp_path):
    (tmp_path / "gallery.py").write_text(GALLERY)
    (tmp_path / "payloads.json").write_text(json.dumps(PAYLOADS))
    port = free_port()
    options = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    quiet = ["--browser.gatherUsageStats=false", "--server.fileWatcherType=none"]
    command = [sys.executable, "-m", "streamlit", "run", "gallery.py", *options, *quiet]
    with served(command, port, tmp_path) as address:
        tab.goto(address)
        tab.get_by_text("the end").wait_for()
        forbidden = (
            "img,picture,svg,iframe,object,embed,script,style,form,input,table,math,code,pre,em,del,h1,h2,ol,hr,.katex"
        )
        for place in ("[data-testid=stMarkdownContainer]", "[data-testid=stHtml]"):
            assert tab.locator(f"{place} :is({forbidden}, a[href])").count() == 0
        icons = tab.locator("[data-testid=stMarkdownContainer] :is([role=img], [style*=color])")
        assert [icon for icon in icons.all_inner_texts() if not icon.startswith("x")] == []  # the badge is our own
        shown = tab.locator("[data-testid=stMarkdown] p").all_inner_texts()
        assert [text for text in shown if "https" in text], "the payloads are there, as text"

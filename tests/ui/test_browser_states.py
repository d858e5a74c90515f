"""Answers of every state and hostile texts in a real browser, with a scripted model."""

import os
import sys
from dataclasses import replace

import pytest

import lastro
from lastro.types import Upload
from lastro.ui.conversations import ConversationStore, new_id
from lastro.ui.safe import file_name
from lastro.ui.texts import load_texts
from tests.chromium import CHROMIUM
from tests.fakes import HashEmbeddings
from tests.ui import samples
from tests.ui.paging import LEASE, QUESTION
from tests.ui.payloads import PAYLOADS
from tests.ui.serving import FREE_TO_ASK, ask, free_port, served

EN = load_texts("en")
OWNER = "local"  # whose conversations a page shows that only this machine can open
AT_ONCE = 13  # payloads in one answer
FORBIDDEN = "img,picture,iframe,object,embed,script,form,input,table,math,code,pre,em,del,h1,h2,ol,hr,.katex,a[href]"
OURS = "[data-testid=stPageLink], [data-testid=stHeading]"
CALM = "!document.querySelector('[data-test-script-state=running]')"
LOADED = "!document.querySelector('[data-test-script-state=running], [data-testid=stAlert]')"
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


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """The address of a page with a document, and the id of a conversation that has a claim which it contradicts."""
    home, port, key = tmp_path_factory.mktemp("home"), free_port(), new_id()
    stock(home, [Upload("lease.md", b"# Lease\n\nThe lease ends on 31 May 2027. The rent is 900 dollars.")])
    with lastro.open_library(home / "libraries" / "default", embedder=HashEmbeddings()) as library:
        (record,) = library.documents()
        start = library.text(record.id).index("The lease ends")
    there = replace(samples.CITATION, document_id=record.id, start=start, end=start + 30)
    wrong = replace(samples.WRONG_DATE, against=(there,))
    answer = samples.told([samples.ENDS, wrong, samples.MOON, samples.RENT], confidence=0.4, nearest=(there,))
    store = ConversationStore(home / "conversations")
    store.ask(key, "When?", owner=OWNER)
    store.finish(key, answer=answer)
    with served(scripted(port), port, home) as address:
        yield address, key


def nothing_but_text(tab, address):
    tab.wait_for_function(CALM)
    for place in ("[data-testid=stMarkdownContainer]", "[data-testid=stHtml]"):
        found = tab.locator(f"{place} :is({FORBIDDEN})").evaluate_all(
            f"nodes => nodes.filter(node => !node.closest('{OURS}')).map(node => node.outerHTML)"
        )
        assert found == []
    assert tab.locator("img, iframe, object, embed, .katex").count() == 0
    assert "display:none" not in "".join(tab.locator("[data-testid=stHtml] style").all_text_contents())
    links = tab.locator("a[href]").evaluate_all("nodes => nodes.map(node => node.href)")
    assert [link for link in links if not link.startswith(address)] == []


def test_no_payload_becomes_a_node_of_the_page(hostile, tab):
    address, key = hostile
    said = []
    tab.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
    tab.goto(f"{address}/?lang=en&c={key}")
    turns = -(-len(PAYLOADS) // AT_ONCE)
    tab.wait_for_function(FREE_TO_ASK)
    tab.get_by_text(EN("details.title")).nth(turns - 1).wait_for()
    tab.wait_for_function(LOADED)
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


CONTRAST = """selector => {
    const channels = color => color.match(/[\\d.]+/g).map(Number);
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const behind = node => {
        for (let at = node; at; at = at.parentElement) {
            const found = channels(getComputedStyle(at).backgroundColor);
            if ((found[3] ?? 1) > 0.9) return found;
        }
        return [255, 255, 255];
    };
    const all = [...document.querySelectorAll(selector)];
    return all.filter(node => node.innerText?.trim() && node.offsetWidth > 2).map(node => {
        const [one, two] = [light(channels(getComputedStyle(node).color)), light(behind(node))];
        return [node.className, Math.round(100 * (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05)) / 100];
    });
}"""
READ = ("answer", "mark", "flag", "claim", "why", "quote", "note", "page", "cited", "passages")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_text_can_be_read_in_light_and_dark_on_a_desk_and_in_a_hand(states, tab, scheme, width):
    address, key = states
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size({"width": width, "height": 860})
    tab.goto(f"{address}/?lang=pt&c={key}")
    tab.wait_for_function(FREE_TO_ASK)
    tab.get_by_text(load_texts("pt").count("answer.marked", 2)).wait_for()
    tab.wait_for_function(LOADED)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.get_by_role("button", name=load_texts("pt")("answer.show")).first.click()
    tab.get_by_role("dialog").locator(".lastro-cited").wait_for()
    found = tab.evaluate(CONTRAST, ", ".join(f".lastro-{name}" for name in READ))
    assert {name.split()[0] for name, _ in found} >= {"lastro-answer", "lastro-flag", "lastro-why", "lastro-cited"}
    assert [(name, ratio) for name, ratio in found if ratio < 4.5] == [], "WCAG's least for text"


def test_a_question_asked_while_the_model_loads_is_answered_once_it_is_there(tab, tmp_path):
    stock(tmp_path, [Upload("lease.md", b"# Lease of the mill\n\nThe monthly rent of the mill is 900 dollars.")])
    (tmp_path / "script.txt").write_text("The monthly rent of the mill is 900 dollars.")
    os.mkfifo(tmp_path / "gate")
    port = free_port()
    with served(scripted(port), port, tmp_path) as address:
        badge = tab.locator(".stMarkdownBadge")
        tab.goto(f"{address}/?lang=en")
        ask(tab, EN, "What is the monthly rent of the mill?")
        badge.filter(has_text=EN("stage.loading")).wait_for()
        tab.reload()
        badge.filter(has_text=EN("stage.loading")).wait_for()
        (tmp_path / "gate").write_bytes(b"go")
        tab.get_by_text(EN("details.title")).wait_for()
        assert "900 dollars" in tab.locator(".lastro-answer").last.inner_text()
        ask(tab, EN, "Is it 900 dollars?")
        tab.get_by_text(EN("details.title")).nth(1).wait_for()


def test_a_wrong_number_is_flagged_beside_the_passage_that_says_otherwise(tab, tmp_path):
    stock(tmp_path, [Upload("lease.md", LEASE)])
    wrong = "A lost key costs 70 dollars."
    (tmp_path / "script.txt").write_text(f"The monthly rent of the mill is 900 dollars. {wrong}")
    port = free_port()
    with served(scripted(port), port, tmp_path) as address:
        tab.goto(f"{address}/?lang=en")
        ask(tab, EN, QUESTION)
        tab.get_by_text(EN("details.title")).wait_for()
        tab.set_default_timeout(5_000)  # milliseconds; it is all there
        assert tab.locator(".lastro-contradicted").inner_text() == wrong
        assert tab.locator(".lastro-flag-contradicted").count() == 1
        assert "costs 40 dollars" in tab.locator("[data-testid=stExpander] .lastro-quote").first.inner_text()

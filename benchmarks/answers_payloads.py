"""Texts that try to be more than text, through answers, quotes and file names, to where these are shown.

The model says the payload, its source holds it and is called so; the whole chain makes answers of that, and others hold
a payload in every place that an answer has. What is shown of them is parsed: the page's HTML, the Markdown that the
page hands to Streamlit, the real page in a browser where there is one, and what the terminal gets.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lastro.types import Answer

HEADER = ("where", "looked at", "nodes that must not be")
AT_ONCE = 13  # payloads in one answer
_OURS = frozenset("div span sup strong blockquote ul li br p mark".split())
_ATTRIBUTES = frozenset(["class", "title", "lang", "tabindex", "aria-hidden"])
_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_PAGE = "from benchmarks.answers_payloads import page\npage()\n"
_FORBIDDEN = (
    "img,picture,iframe,object,embed,script,style,form,input,table,math,code,pre,em,del,h1,h2,ol,hr,.katex,a[href]"
)


class Nodes(HTMLParser):
    """Everything of a piece of HTML that our own code never writes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.foreign: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that is not ours, and an attribute that is not."""
        if tag not in _OURS:
            self.foreign.append(f"<{tag}>")
        self.foreign += [f"{tag} {name}=" for name, _ in attrs if name not in _ATTRIBUTES]

    def handle_comment(self, data: str) -> None:
        """Note a comment."""
        self.foreign.append(f"<!--{data}")

    def handle_decl(self, decl: str) -> None:
        """Note a declaration."""
        self.foreign.append(f"<!{decl}")

    def handle_pi(self, data: str) -> None:
        """Note an instruction."""
        self.foreign.append(f"<?{data}")


def told(payload: str) -> Answer:
    """What the chain makes of a payload that the model says, from a source that holds it and is called so."""
    from langchain_core.documents import Document
    from langchain_core.runnables import RunnableLambda

    from lastro.chains.answer import AnswerChain
    from tests.fakes import ScriptedChat

    document = Document(f"The deposit is 900 euros. {payload}", metadata={"title": payload, "section": payload})
    source: Any = RunnableLambda(lambda _question: [document])
    chain = AnswerChain(retriever=source, llm=ScriptedChat(script=f"The deposit is 900 euros [1]. {payload}"))
    return chain.invoke(f"How much is the deposit? {payload}")


def every_answer() -> list[Answer]:
    """An answer of the chain for each payload, and some that hold payloads in every place."""
    from tests.ui.payloads import PAYLOADS
    from tests.ui.samples import hostile

    groups = [PAYLOADS[start : start + AT_ONCE] for start in range(0, len(PAYLOADS), AT_ONCE)]
    return [*map(told, PAYLOADS), *map(hostile, groups)]


def page() -> None:
    """The Streamlit page of some answers, drawn as the chat draws them."""
    import streamlit as st

    from lastro.ui.answers import show_answer
    from lastro.ui.safe import plain
    from lastro.ui.texts import load_texts
    from tests.ui.payloads import PAYLOADS
    from tests.ui.samples import hostile

    texts = load_texts("en")
    for index, start in enumerate(range(0, len(PAYLOADS), AT_ONCE)):
        group = PAYLOADS[start : start + AT_ONCE]
        show_answer(hostile(group), 2 * index, texts, last=True)
        show_answer(told("\n\n".join(group)), 2 * index + 1, texts, last=True)
    for payload in PAYLOADS:
        st.markdown(plain(payload))
    st.text("the end")


def html_of(answer: Answer) -> Iterator[str]:
    """Every piece of HTML that the page makes of an answer."""
    from lastro.ui.claims import answer_html, claim_html
    from lastro.ui.reasons import why
    from lastro.ui.render import Leaf, heading, note_html, passage_html, passages_html, quote_html
    from lastro.ui.texts import load_texts

    for language in ("en", "pt"):
        texts = load_texts(language)  # type: ignore[arg-type]
        yield answer_html(answer, texts)
        yield passages_html((*answer.passages, *answer.dropped), texts)
        yield quote_html(answer.generated)
        for sentence in (*answer.sentences, *answer.removed):
            if sentence.state != "no_claim":  # which is shown without a reason
                yield claim_html(sentence, why(sentence, texts))
            yield note_html(sentence.text)
        for cited in (*answer.citations, *answer.nearest):
            text = f"before {cited.quote} behind"
            yield quote_html(cited.quote)
            yield passage_html(text, Leaf(1, 0, len(text)), 7, 7 + len(cited.quote), label=heading(cited, texts))


def markdown_of(answer: Answer) -> Iterator[str]:
    """Every text of an answer that the page hands to Streamlit as Markdown."""
    from lastro.ui.render import heading
    from lastro.ui.safe import file_name, plain
    from lastro.ui.texts import load_texts

    texts = load_texts("en")
    yield plain(answer.question)
    for cited in (*answer.citations, *answer.nearest, *answer.passages):
        yield plain(heading(cited, texts), limit=160)
        yield plain(file_name(f"{cited.title}.pdf"))


def in_markdown(text: str) -> list[str]:
    """The nodes of a Markdown text that are not plain text."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    plain = {"paragraph_open", "paragraph_close", "text", "text_special", "inline"}
    found = [child.type for token in parser.parse(text) for child in (token, *(token.children or []))]
    return [kind for kind in found if kind not in plain]


def in_terminal(answer: Answer) -> list[str]:
    """The characters that could steer a terminal, of what the command prints."""
    from lastro import console, telling

    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        telling.print_answer(answer)
        console.print_passages(answer.passages)
        console.print_json(answer)
    return _STEERS.findall(out.getvalue() + errors.getvalue())


def in_browser() -> tuple[int, list[str]] | None:
    """How many payloads the real page shows, and the nodes of it that must not be; None without a browser."""
    from tests.chromium import CHROMIUM, FLAGS
    from tests.ui.payloads import PAYLOADS
    from tests.ui.serving import PATIENCE, free_port, is_outside, served

    if CHROMIUM is None:
        return None
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="lastro-payloads-") as folder, sync_playwright() as playwright:
        home, port = Path(folder), free_port()
        (home / "gallery.py").write_text(_PAGE, encoding="utf-8")
        options = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
        quiet = ["--browser.gatherUsageStats=false", "--server.fileWatcherType=none"]
        command = [sys.executable, "-m", "streamlit", "run", "gallery.py", *options, *quiet]
        with served(command, port, home) as address:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            tab, outside = browser.new_page(), list[str]()
            tab.set_default_timeout(PATIENCE)
            tab.on("request", lambda request: outside.append(request.url) if is_outside(request.url) else None)
            tab.on("dialog", lambda dialog: (outside.append(dialog.message), dialog.dismiss())[-1])
            tab.goto(address)
            tab.get_by_text("the end", exact=True).wait_for()
            tab.evaluate("document.querySelectorAll('details:not([open]) > summary').forEach(one => one.click())")
            tab.wait_for_function("document.querySelector('[data-test-script-state=running]') === null")
            found = [*outside, *_foreign(tab, address)]
            browser.close()
    return len(PAYLOADS), found


def _foreign(tab: Any, address: str) -> list[str]:
    found: list[str] = []
    for place in ("[data-testid=stMarkdownContainer]", "[data-testid=stHtml]"):
        found += tab.locator(f"{place} :is({_FORBIDDEN})").evaluate_all("nodes => nodes.map(node => node.outerHTML)")
    found += tab.locator("img, iframe, object, embed, .katex").evaluate_all("nodes => nodes.map(one => one.outerHTML)")
    links = tab.locator("a[href]").evaluate_all("nodes => nodes.map(node => node.href)")
    return [*found, *(link for link in links if not link.startswith(address))]


def payloads(*, browser: bool = True) -> tuple[list[list[object]], dict[str, Any]]:
    """How many texts were looked at in each place, and how many nodes stand there that must not."""
    from tests.ui.payloads import PAYLOADS

    answers = every_answer()
    pieces = [piece for answer in answers for piece in html_of(answer)]
    lines = [line for answer in answers for line in markdown_of(answer)]
    table: list[list[object]] = [
        ["pieces of HTML, parsed", len(pieces), _count(Nodes(piece).foreign for piece in pieces)],
        ["lines of Markdown, parsed", len(lines), _count(map(in_markdown, lines))],
        ["answers in the terminal, control characters", len(answers), _count(map(in_terminal, answers))],
    ]
    shown = in_browser() if browser else None
    if shown is None:
        table.append(["payloads in the real page", "no browser", 0])
    else:
        table.append(["payloads in the real page", shown[0], _count([shown[1]])])
    figures = {
        "payloads": len(set(PAYLOADS)), "nodes": sum(int(str(row[2])) for row in table), "browser": shown is not None
    }  # fmt: skip
    return table, figures


def _count(found: Any) -> int:
    """How many there are; the first of each text are printed."""
    total = 0
    for nodes in found:
        if nodes:
            print("NODES", nodes[:3])
        total += len(nodes)
    return total

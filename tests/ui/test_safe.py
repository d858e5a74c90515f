import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lastro.ui.safe import MAX_NAME, file_name, markup, plain, visible
from tests.ui.payloads import PAYLOADS

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
LATE = re.compile(r"(?:https?|ftp)://\w|\bwww\.\w|[\w.+-]+@[\w-]+\.\w|:material/\w+:|:[\w+-]+:", re.IGNORECASE)
JOINER = "\u2060"


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_comment(self, data):
        self.tags.append("comment")

    def handle_decl(self, decl):
        self.tags.append("declaration")

    def handle_pi(self, data):
        self.tags.append("instruction")

    def handle_data(self, data):
        self.text += data


def nodes(markdown):
    inline = [child for token in MARKDOWN.parse(markdown) for child in (token.children or [token])]
    return {token.type for token in inline} - {"paragraph_open", "paragraph_close", "text", "text_special"}


def test_there_are_more_than_sixty_payloads():
    assert len(set(PAYLOADS)) >= 60


@pytest.mark.parametrize("payload", PAYLOADS)
def test_plain_text_is_nothing_but_text_to_a_markdown_parser(payload):
    assert nodes(plain(payload)) == set()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_streamlit_looks_for_after_parsing_is_broken_too(payload):
    shown = Tags(MARKDOWN.render(plain(payload))).text
    assert LATE.search(shown) is None
    assert shown.replace(JOINER, "").strip() == " ".join(visible(payload).split())


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markup_holds_no_tag_and_shows_the_same_characters(payload):
    parsed = Tags(markup(payload))
    assert parsed.tags == []
    assert parsed.text == visible(payload)


@given(st.text(max_size=60))
def test_no_text_at_all_becomes_more_than_text(text):
    assert nodes(plain(text)) == set()
    assert Tags(markup(text)).tags == []


def test_a_long_line_is_cut_before_it_is_escaped():
    assert plain("*" * 10, limit=4) == "\\*\\*\\*…"


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\lease.pdf", "lease.pdf"),
        ("a\u202efdp.exe", "afdp.exe"),
        ("\x00\n", "document"),
        ("...", "document"),
        ("cont\u0072ato.pdf", "contrato.pdf"),
    ],
)
def test_a_file_name_is_a_name_and_no_path(given_name, shown):
    assert file_name(given_name) == shown


def test_a_long_file_name_keeps_its_ending():
    name = file_name("x" * 500 + ".pdf")
    assert len(name) == MAX_NAME
    assert name.endswith("x.pdf")

"""HTML and Markdown to blocks: readable text, headings apart, one line a list item or table row."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from lastro.ingest.blocks import Block, BlockKind, row

_SKIPPED = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object", "nav"})
_CODE = frozenset({"script", "style"})  # unclosed, they hold the rest of the page for every browser
_BREAKS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure "
    "footer form header hr html legend main p pre section summary table tbody tfoot thead".split()
)
_HEADING = re.compile(r"h([1-6])")
_IMAGE_NOISE = re.compile(r"!\[([^\]\n]*)\]\([^)\n]*\)")
_LINK_NOISE = re.compile(r"\[([^\]\n]+)\]\((?:https?|mailto)[^)\s]*\)")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.{1,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)


class _Blocks(HTMLParser):
    """Collects blocks while the markup streams by; it keeps no tree, so depth costs nothing."""

    def __init__(self, skipped: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.title = ""
        self._skipped = skipped
        self._skipping = ""  # the tag that is skipped
        self._skip_depth = 0  # how deep in itself
        self._text: list[str] = []
        self._cells: list[str] | None = None  # the open table row
        self._in_cell = False
        self._level = 0
        self._marker = ""
        self._counters: list[int | None] = []  # open lists; None for bullets
        self._pre = 0
        self._in_title = False

    @property
    def unclosed(self) -> str:
        """The tag whose element swallowed the text up to here, "" where none is open."""
        return "title" if self._in_title else self._skipping

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        if self._skips(tag, 1):
            return
        if tag == "title" and tag in self._skipped:
            self._in_title = not self.title
        elif tag == "br":
            self._text.append("\n")
        elif tag in ("tr", "td", "th", "table"):
            self._open_table_part(tag)
        elif tag in ("ul", "ol", "li"):
            self._open_list_part(tag, attrs)
        else:
            self._open_block(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close an element, or ignore an end that nothing began."""
        if self._skips(tag, -1):
            return
        if tag == "title":
            self._in_title = False
        elif tag in ("td", "th"):
            self._close_cell()
        elif tag in ("tr", "table"):
            self._close_row()
        elif tag in _BREAKS or tag in ("ul", "ol", "li") or _HEADING.fullmatch(tag):
            self._close_block(tag)

    def handle_data(self, data: str) -> None:
        """Take text."""
        if self._in_title:
            self.title += data
        elif not self._skipping:
            self._text.append(data if self._pre else re.sub(r"\s+", " ", data))

    def _skips(self, tag: str, step: int) -> bool:
        """Whether a tag stands in, begins or ends what is skipped."""
        if not self._skipping:
            if step < 0 or tag not in self._skipped or tag == "title":
                return False
            self._skipping = tag
        if tag == self._skipping:
            self._skip_depth += step
            self._skipping = tag if self._skip_depth else ""
        return True

    def set_cdata_mode(self, elem: str, **options: Any) -> None:
        """Read an element as code only where it is left out."""
        if elem in self._skipped:
            super().set_cdata_mode(elem, **options)

    def parse_html_declaration(self, i: int) -> int:
        """Pass by `<!...>`; what Word writes as `<![if ...]>` is a comment, not an error as for the base class."""
        if self.rawdata.startswith("<![", i) and not self.rawdata.startswith("<![CDATA[", i):
            return self.parse_bogus_comment(i)
        return super().parse_html_declaration(i)

    def unknown_decl(self, data: str) -> None:
        """Take the text of `<![CDATA[...]]>`, as XHTML means it."""
        self.handle_data(data.removeprefix("CDATA["))

    def _open_table_part(self, tag: str) -> None:
        if tag in ("table", "tr"):
            self._close_row()
        elif tag in ("td", "th"):
            self._close_cell()
            if self._cells is None:
                self.flush()
                self._cells = []
            self._text.append(" ")  # apart from text that stands before the cell
            self._in_cell = True

    def _open_list_part(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._in_cell:
            self._text.append(" ")
            return
        self.flush()
        if tag == "li":
            count = self._counters[-1] if self._counters else None
            self._marker = "- " if count is None else f"{count}. "
            if count is not None:
                self._counters[-1] = count + 1
        else:
            first = dict(attrs).get("start") or "1"
            self._counters.append((int(first) if first.isdecimal() and len(first) < 10 else 1) if tag == "ol" else None)

    def _open_block(self, tag: str) -> None:
        heading = _HEADING.fullmatch(tag)
        if heading is None and tag not in _BREAKS:
            return
        if self._in_cell and heading is None:
            self._text.append(" ")
            return
        if self._in_cell:  # a heading in a cell: the table only lays out the page
            self._close_row()
        self.flush()
        self._level = int(heading.group(1)) if heading else 0
        self._pre += tag == "pre"

    def _close_block(self, tag: str) -> None:
        if self._in_cell:
            self._text.append(" ")
            return
        self.flush()
        self._level = 0
        if tag == "pre" and self._pre:
            self._pre -= 1
        if tag == "li":
            self._marker = ""
        elif tag in ("ul", "ol") and self._counters:
            self._counters.pop()

    def _close_cell(self) -> None:
        if self._in_cell and self._cells is not None:
            self._cells.append("".join(self._text))
            self._text.clear()
            self._in_cell = False

    def _close_row(self) -> None:
        self._close_cell()
        cells, self._cells = self._cells, None
        stray = self._text.copy()  # text of the row that is in no cell
        if cells is not None:
            self._text.clear()
            self._add_row(cells)
            self._text += stray
        self.flush()

    def _add_row(self, cells: list[str]) -> None:
        if sum(bool(cell.strip()) for cell in cells) == 1:  # a lone cell is a paragraph, not a table
            self._text.append(" ".join(cells))
            self.flush()
        else:
            self._add("row", row(cells))

    def finish(self) -> None:
        """End what the markup left open."""
        self._close_row()
        self.flush()

    def flush(self) -> None:
        """End the block that is open."""
        raw = "".join(self._text)
        self._text.clear()
        if self._pre:
            text = raw.strip("\n")
        else:
            text = "\n".join(line.strip() for line in re.sub(r"[^\S\n]+", " ", raw).split("\n")).strip()
        if not text.strip():
            return
        if self._level:
            self._add("heading", " ".join(text.split()))
        elif self._marker:
            self._add("item", self._marker + text)
            self._marker = ""
        else:
            self._add("item" if self._counters else "text", text)

    def _add(self, kind: BlockKind, text: str) -> None:
        if text:
            self.blocks.append(Block(kind, text, self._level if kind == "heading" else 0))


def html_blocks(text: str) -> tuple[str, list[Block]]:
    """The title and blocks of HTML, without scripts, styles and navigation.

    >>> html_blocks("<title>T</title><h1>A</h1><p>b <b>c</b></p><table><tr><td>1<td>2</table>")[1]
    [Block(kind='heading', text='A', level=1), Block(kind='text', text='b c', level=0), \
Block(kind='row', text='| 1 | 2 |', level=0)]
    """
    skipped = _SKIPPED | {"title"}
    while True:
        parser = _Blocks(skipped)
        parser.feed(text)
        parser.close()
        parser.finish()
        swallower = "" if parser.unclosed in _CODE and parser.blocks else parser.unclosed
        if not swallower and not parser.blocks:
            swallower = "nav"  # a page that is all navigation
        if swallower not in skipped:
            return " ".join(parser.title.split()), parser.blocks
        skipped -= {swallower}  # read again: an element without an end must not swallow the page


def office_blocks(text: str) -> list[Block]:
    """The blocks of the HTML that kreuzberg makes of Office files, without its left-over Markdown."""
    _title, blocks = html_blocks(text)
    cleaned = (b._replace(text=_LINK_NOISE.sub(r"\1", _IMAGE_NOISE.sub(r"\1", b.text)).strip()) for b in blocks)
    return [block for block in cleaned if block.text]


def markdown_blocks(text: str) -> tuple[str, list[Block]]:
    """The front matter's title, if any, and the blocks of Markdown as a reader sees them."""
    from markdown_it import MarkdownIt  # heavy: only for Markdown

    lead: list[Block] = []
    title = ""
    matter = _FRONT_MATTER.match(text)
    if matter is not None:
        lead = [Block("text", matter.group(1))]
        named = re.search(r"^title:[ \t]*(.+)$", matter.group(1), re.MULTILINE)
        title = named.group(1).strip().strip("\"'") if named else ""
        text = text[matter.end() :]
    rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    return title, lead + html_blocks(rendered)[1]

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lastro.ingest.blocks import Block
from lastro.ingest.markup import html_blocks, markdown_blocks, office_blocks


def texts(html: str) -> list[str]:
    return [block.text for block in html_blocks(html)[1]]


def test_scripts_styles_and_navigation_are_left_out() -> None:
    html = "<head><style>p{}</style></head><nav><nav>menu</nav>x</nav><script>if (a<b) {}</script><p>body</p>"
    assert texts(html) == ["body"]


def test_an_unclosed_nav_does_not_swallow_the_page() -> None:
    assert texts("<nav><a>Home</a><p>All of the page") == ["Home", "All of the page"]


def test_headings_carry_their_level_and_inline_marks_vanish() -> None:
    title, blocks = html_blocks("<title> Um\n t\u00edtulo </title><h2>A <em>b</em></h2><p>c<br>d <b>e</b>&amp;f</p>")
    assert title == "Um título"
    assert blocks == [Block("heading", "A b", 2), Block("text", "c\nd e&f")]


def test_lists_keep_their_numbers() -> None:
    assert texts("<ol start=3><li>a<li>b<ul><li><p>c</p></ul></ol><p>d") == ["3. a", "4. b", "- c", "d"]


def test_a_stray_end_tag_changes_nothing() -> None:
    assert texts("</ul></td></li></table><p>a</p></div>") == ["a"]


def test_a_table_is_one_line_a_row() -> None:
    html = "<table><tr><th>A<th>B<tr><td><p>1</p><ul><li>x</ul><td>2<tr><td>only</table>after"
    assert html_blocks(html)[1] == [
        Block("row", "| A | B |"),
        Block("row", "| 1 x | 2 |"),
        Block("text", "only"),
        Block("text", "after"),
    ]


def test_a_table_that_lays_out_a_page_does_not_hide_the_table_in_it() -> None:
    html = "<table><tr><td><h1>Top</h1><table><tr><td>1<td>2</table>rest</table>"
    assert texts(html) == ["Top", "| 1 | 2 |", "rest"]


def test_code_keeps_its_lines() -> None:
    assert texts("<pre>a\n  b</pre><p>c\n  d</p>") == ["a\n  b", "c d"]


def test_markdown_reads_as_it_is_shown() -> None:
    title, blocks = markdown_blocks(
        "# Contract\n\nThe **term** is [12 months](http://x.y) \\| fixed.\n\n"
        "| a | b |\n|---|---|\n| 1 | ~~2~~ |\n\n- item"
    )
    assert title == ""
    assert blocks == [
        Block("heading", "Contract", 1),
        Block("text", "The term is 12 months | fixed."),
        Block("row", "| a | b |"),
        Block("row", "| 1 | 2 |"),
        Block("item", "- item"),
    ]


def test_front_matter_gives_the_title_and_stays_text() -> None:
    title, blocks = markdown_blocks('---\ntitle: "Guia"\ntags: x\n---\nTexto.')
    assert title == "Guia"
    assert [block.text for block in blocks] == ['title: "Guia"\ntags: x', "Texto."]
    assert markdown_blocks("---\na: b\n---\nx")[0] == ""


def test_left_over_markdown_of_office_files_is_undone() -> None:
    html = "<p>See [the law](https://x.y/z) ![](media/image1.png)</p><p>![](a.png)</p>"
    assert [block.text for block in office_blocks(html)] == ["See the law"]


PARTS = (
    "<p> </p> <h1> </h1> <table> <tr> <td> </td> </table> <ul> <ol> <li> </ul> <nav> <pre> </pre> <title> </title> "
    "<script> </script> <br> word &amp; < > <!-- --> <svg> <![x] <![if <![CDATA[ ]]>"
).split()


@given(st.lists(st.sampled_from(PARTS)))
def test_no_markup_breaks_the_reader(parts: list[str]) -> None:
    for block in html_blocks(" ".join(parts))[1]:
        assert block.text.strip()


def test_an_element_without_an_end_does_not_swallow_the_page() -> None:
    assert texts("<h1>T</h1><nav><ul><li>x</ul><p>body text") == ["T", "- x", "body text"]
    for tag in ("svg", "object", "noscript", "iframe", "template"):
        assert texts(f"<p>a</p><{tag}><p>all the rest</p>") == ["a", "all the rest"]
    assert texts("<style>p{}<p>all the rest")[-1] == "all the rest"


def test_a_title_without_an_end_does_not_take_the_page() -> None:
    title, blocks = html_blocks("<title>T<h1>A</h1><p>body</p>")
    assert title == ""
    assert [block.text for block in blocks] == ["T", "A", "body"]


def test_code_without_an_end_does_not_become_text() -> None:
    assert texts("<p>a</p><script>if (a<b) { f() }") == ["a"]


def test_text_of_a_row_outside_its_cells_is_kept() -> None:
    html = "<table><tr><td>a</td>between<td>b</td>tail</tr><tr><td>solo</td>after</tr></table>end"
    assert texts(html) == ["| a | between b |", "tail", "solo", "after", "end"]


def test_declarations_of_word_and_of_xhtml_do_not_stop_the_reader() -> None:
    assert texts("<p>a</p><![foo bar]><p>b<![if !vml]> c<![endif]><![ ]>") == ["a", "b c"]
    assert texts("<p>x<![CDATA[ y > z ]]></p>") == ["x y > z"]


def test_a_list_may_start_at_any_number() -> None:
    assert texts(f"<ol start={'9' * 5_000}><li>a</ol>") == ["1. a"]

"""A checked answer on a terminal: its words, what backs them, and what the reader should know of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lastro.console import add_row, new_table, place, plain, stdout

if TYPE_CHECKING:
    from rich.text import Text

    from lastro.types import Answer, Citation, Sentence

_LABELS = {
    "en": {
        "extracted": "An exact quotation: the model's own words did not hold.",
        "nearest": "Nearest passages:",
        "dropped": "passages had no room in the context window",
        "against": "The documents say:",
        "removed": "Taken out, since nothing in the documents backs it:",
        "unchecked": "Not checked against the documents.",
        "confidence": "Estimated probability that this answer is right: {share:.0%}",
    },
    "pt": {
        "extracted": "Citação exata: as palavras do modelo não se sustentaram.",
        "nearest": "Trechos mais próximos:",
        "dropped": "trechos não couberam na janela de contexto",
        "against": "Os documentos dizem:",
        "removed": "Retirado, pois nada nos documentos o sustenta:",
        "unchecked": "Não conferido com os documentos.",
        "confidence": "Probabilidade estimada de esta resposta estar certa: {share:.0%}",
    },
}
_COLUMNS = {"en": ("#", "Title", "Where", "Quote"), "pt": ("Nº", "Título", "Onde", "Citação")}


def print_answer(answer: Answer) -> None:
    """The checked answer, its citations, and what the reader should know of it."""
    from rich.text import Text

    labels, console = _LABELS[answer.language], stdout()
    console.print(_shown(answer))
    notes = [labels["extracted"]] if answer.extracted else []
    notes += [labels["unchecked"]] if answer.state == "unchecked" else []
    if answer.confidence is not None:
        notes.append(labels["confidence"].format(share=answer.confidence))
    for note in notes:
        console.print(Text(note, style="dim"))
    _print_quotes(labels["against"], [one for sentence in answer.sentences for one in sentence.against])
    if answer.citations:
        print_citations(answer.citations, columns=_COLUMNS[answer.language])
    _print_removed(labels["removed"], answer.removed)
    _print_quotes(labels["nearest"], answer.nearest)
    if answer.dropped:
        console.print(Text(f"{len(answer.dropped)} {labels['dropped']}", style="dim"))


def _shown(answer: Answer) -> Text:
    """The text, with what nothing backs in another colour; its marks stand in the text itself."""
    from rich.text import Text

    shown, at = Text(), 0
    for sentence in answer.sentences:
        shown.append(plain(answer.text[at : sentence.start]))
        doubtful = sentence.state in ("unsupported", "contradicted")
        shown.append(plain(answer.text[sentence.start : sentence.end]), style="yellow" if doubtful else "")
        at = sentence.end
    return shown.append(plain(answer.text[at:]))


def _print_quotes(label: str, citations: Sequence[Citation]) -> None:
    from rich.text import Text

    if not citations:
        return
    stdout().print(Text(f"\n{label}", style="dim"))
    for citation in citations:
        where = place(citation.title, "" if citation.page is None else str(citation.page), citation.section)
        stdout().print(Text(f"  {where}: “{plain(citation.quote, one_line=True)}”", style="dim"))


def _print_removed(label: str, removed: Sequence[Sentence]) -> None:
    from rich.text import Text

    if removed:
        stdout().print(Text(f"\n{label}", style="dim"))
    for sentence in removed:
        stdout().print(Text(f"  {plain(sentence.text, one_line=True)}", style="dim"))


def print_citations(citations: Sequence[Citation], *, columns: tuple[str, ...]) -> None:
    """A table of citations, numbered as in the answer's text."""
    shown = new_table(*columns)
    for number, citation in enumerate(citations, start=1):
        where = f"p. {citation.page}" if citation.page is not None else plain(citation.section, one_line=True)
        title, quote = plain(citation.title, one_line=True), plain(citation.quote, one_line=True)
        add_row(shown, f"[{number}]", title, where, f"“{quote}”")
    stdout().print(shown)

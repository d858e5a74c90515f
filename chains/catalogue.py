"""Questions about the library itself, which are answered from its catalogue and not from its texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from lastro.language import fold
from lastro.prompts import load_text
from lastro.types import Answer, DocumentRecord, Language, Usage

_MOST = 50  # documents that are named
# Patterns of whole questions, folded; {documents} and the like stand for the groups below. A question about what
# stands in the documents must never match.
_GROUPS = {
    "documents": r"(?:documents?|files?|pdfs?)",
    "library": r"(?:the|my|your|this) (?:library|collection)",
    "stored": r"(?:here|loaded|stored|indexed|uploaded|available)",
    "documentos": r"(?:documentos?|arquivos?|pdfs?)",
    "biblioteca": r"(?:minha |sua |tua |nossa )?(?:biblioteca|acervo|colecao)",
    "guardados": r"(?:aqui|carregados?|armazenados?|indexados?|enviados?|adicionados?|disponiveis|disponivel)",
    "eu": r"(?:(?:voce|tu|eu|nos|a gente|a biblioteca) )?",
}
_PATTERNS = (
    r"(?:which|what|how many) {documents} (?:do|did) (?:you|i|we) (?:have|know|hold|upload|add|load|see){where}",
    r"(?:which|what|how many) {documents} (?:are|is) (?:there|in {library}|{stored}){where}",
    r"(?:which|what|how many) {documents} (?:have (?:i|we)|has been|have been) (?:added|uploaded|loaded){where}",
    r"(?:which|what|how many) {documents} (?:can you (?:see|read|search)|does the library (?:have|hold)){where}",
    r"(?:please )?(?:list|show(?: me)?|name) (?:all )?(?:of )?(?:the |my |your )?{documents}"
    r"(?: (?:that )?(?:you have|you know))?{where}",
    r"what(?: is|'s|’s) in {library}",
    r"(?:quais|que|quantos) (?:sao )?(?:os )?(?:meus |seus )?{documentos} (?:que )?{eu}"
    r"(?:tem|tens|temos|tenho|conhece|possui|ha|existem?|enviei|adicionei|carreguei|le|consegue (?:ver|ler)){onde}",
    r"(?:quais|que|quantos) (?:sao )?(?:os )?(?:meus |seus )?{documentos} (?:que )?(?:estao|foram) {guardados}{onde}",
    r"(?:quais|que|quantos) (?:sao )?(?:os )?(?:meus |seus )?{documentos} (?:que )?estao n[ao] {biblioteca}",
    r"(?:por favor,? )?(?:liste|lista|listar|mostre|mostra|mostrar)(?:-me)? (?:todos )?(?:os )?(?:meus |seus )?"
    r"{documentos}(?: (?:que )?{eu}tem)?{onde}",
    r"o que (?:ha|tem|existe) n[ao] {biblioteca}",
    r"(?:quais|quantos) (?:sao )?(?:os )?(?:meus )?{documentos} (?:{guardados}|[nd][ao] {biblioteca}){onde}",
)
_WHERE = r"(?: (?:{stored}|(?:in|from) {library}))*"
_ONDE = r"(?: (?:{guardados}|[nd][ao] {biblioteca}))*"


@cache
def _asks() -> tuple[re.Pattern[str], ...]:
    groups = _GROUPS | {"where": _WHERE.format(**_GROUPS), "onde": _ONDE.format(**_GROUPS)}
    return tuple(re.compile(rf"^\W*(?:{pattern.format(**groups)})\W*$") for pattern in _PATTERNS)


def asks_for_documents(question: str) -> bool:
    """Whether a question is about which documents there are, and not about what stands in them.

    >>> asks_for_documents("Which documents do you have?"), asks_for_documents("Which documents must I bring?")
    (True, False)
    """
    folded = " ".join(fold(question).split())
    return any(pattern.match(folded) for pattern in _asks())


def listing(question: str, records: Sequence[DocumentRecord], *, language: Language) -> Answer:
    """The answer to such a question: the titles of the documents, with their pages."""
    held = [record for record in records if record.chunks]
    return Answer(
        question=question, text=_listed(held, language), state="listed", sentences=(), citations=(), passages=(),
        dropped=(), usage=Usage(), language=language,
    )  # fmt: skip


_COUNT = {"en": ("1 document", "{} documents"), "pt": ("1 documento", "{} documentos")}
_PAGES = {"en": ("1 page", "{} pages"), "pt": ("1 página", "{} páginas")}
_MORE = {"en": "and {} more", "pt": "e mais {}"}


def _listed(records: Sequence[DocumentRecord], language: Language) -> str:
    if not records:
        return load_text("listing_empty", language)
    lines = [f"- {_line(record, language)}" for record in records[:_MOST]]
    if len(records) > _MOST:
        lines.append(f"- {_MORE[language].format(len(records) - _MOST)}")
    count = _number(len(records), _COUNT[language])
    return load_text("listing", language).format(count=count, documents="\n".join(lines))


def _line(record: DocumentRecord, language: Language) -> str:
    title = " ".join(record.title.split())
    return title if record.pages is None else f"{title} ({_number(record.pages, _PAGES[language])})"


def _number(count: int, forms: tuple[str, str]) -> str:
    return forms[0] if count == 1 else forms[1].format(count)

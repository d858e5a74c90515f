"""A document as the library reads it, with the cited passage highlighted on its page."""

from __future__ import annotations

import streamlit as st

from lastro.errors import DocumentNotFound
from lastro.types import Citation, DocumentRecord
from lastro.ui import session
from lastro.ui.render import Leaf, leaf_of, leaves, note_html, passage_html
from lastro.ui.safe import file_name, plain
from lastro.ui.state import services
from lastro.ui.texts import Texts
from lastro.vectorstore.library import Library


def open_citation(citation: Citation, key: str) -> None:
    """Show a citation over the page."""
    st.dialog(session.texts()("viewer.title"), width="medium")(_citation)(citation, key)


def _citation(citation: Citation, key: str) -> None:
    texts, library = session.texts(), services().library()
    try:
        if library is None:
            raise DocumentNotFound(citation.title)
        show_document(library, citation.document_id, citation.start, citation.end, key=key)
    except DocumentNotFound:
        quote = " ".join(citation.quote.split())
        st.warning(texts("viewer.missing", quote=plain(quote)), icon=":material/unknown_document:")


def show_document(library: Library, document_id: str, start: int = 0, end: int = 0, *, key: str) -> None:
    """Draw the page of a document that holds the character `start`, highlight up to `end`, and lead to its others.

    Raises:
        DocumentNotFound: the document was removed.
    """
    texts = session.texts()
    record = library.document(document_id)
    text = library.text(record.id)
    st.subheader(plain(record.title), anchor=False)
    if not text.strip():
        st.html(note_html(texts("viewer.no_text")))
    else:
        _pages(leaves(library.page_spans(record.id), text), text, (start, end), texts, key=key)
    _download(library, record, texts, key=key)


def _pages(found: list[Leaf], text: str, span: tuple[int, int], texts: Texts, *, key: str) -> None:
    bar = st.empty()
    index = leaf_of(found, span[0])
    body = st.empty()
    if len(found) > 1:
        chosen = st.pagination(len(found), default=index + 1, key=f"page-{key}")
        index = min(max(chosen, 1), len(found)) - 1
    leaf = found[index]
    if leaf.number is not None:
        bar.html(note_html(_capital(texts("place.page", page=leaf.number))))
    elif len(found) > 1:
        bar.html(note_html(_capital(texts("place.part", number=index + 1, count=len(found)))))
    body.html(passage_html(text, leaf, *span, label=texts("viewer.quote")))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _download(library: Library, record: DocumentRecord, texts: Texts, *, key: str) -> None:
    st.download_button(
        texts("do.download"),
        data=lambda: library.original(record.id).read_bytes(),
        file_name=file_name(record.sources[0]) if record.sources else "document",
        mime="application/octet-stream",  # an HTML file must be saved, never opened in the page's own origin
        icon=":material/download:",
        key=f"download-{key}",
        on_click="ignore",
    )

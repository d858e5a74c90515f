"""One document of the library, page by page."""

from __future__ import annotations

import streamlit as st

from lastro.errors import LastroError
from lastro.ui import session
from lastro.ui.render import empty_html
from lastro.ui.safe import plain
from lastro.ui.state import Services, services
from lastro.ui.texts import Texts
from lastro.ui.viewer import show_document


def draw(parts: Services, texts: Texts) -> None:
    st.page_link("views/documents.py", label=texts("do.back"), icon=":material/arrow_back:")
    asked = str(st.query_params.get("document", ""))
    parts.opening.wait()
    try:
        library = parts.library()
        if library is None or not asked:
            st.html(empty_html(texts("viewer.none_title"), texts("viewer.none_text")))
        else:
            show_document(library, asked, key=f"source-{asked[:16]}")
    except LastroError as error:
        st.error(plain(str(error)), icon=":material/error:")


draw(services(), session.texts())

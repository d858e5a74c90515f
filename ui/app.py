"""The page's entry: what Streamlit runs at every visit and click.

The pages stand in `views`: Streamlit would run a folder named `pages` past this file, on the first visit.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from lastro.errors import LastroError
from lastro.ui import session, sidebar
from lastro.ui.safe import plain

HERE = Path(__file__).parent


def main() -> None:
    """Draw what all pages share, then the page that was asked for."""
    st.set_page_config(page_title="Lastro", page_icon="⚓", layout="centered")
    st.html(HERE / "style.css")
    try:
        session.begin()
    except LastroError as error:  # settings that cannot be read
        st.error(plain(str(error)))
        st.stop()
    texts = session.texts()
    page = st.navigation(
        [
            st.Page(HERE / "views/chat.py", title=texts("nav.chat"), icon=":material/forum:", default=True),
            st.Page(HERE / "views/documents.py", title=texts("nav.documents"), icon=":material/folder_open:"),
            st.Page(HERE / "views/source.py", title=texts("nav.source")),
        ],
        position="hidden",  # the sidebar draws its own, below our name
    )
    sidebar.draw()
    page.run()


main()

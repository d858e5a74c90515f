"""Add documents, watch them being read, look through the library, remove from it."""

from __future__ import annotations

import streamlit as st

from lastro.errors import LastroError
from lastro.types import DocumentRecord, FileResult, Upload
from lastro.ui import session
from lastro.ui.jobs import FileProgress, IngestJob
from lastro.ui.render import empty_html, note_html, uploader_css
from lastro.ui.safe import file_name, markup, plain
from lastro.ui.state import Services, services
from lastro.ui.texts import Texts
from lastro.ui.uploads import distinct, kind

POLL_SECONDS = 0.5
PER_PAGE = 20
SOURCE_PAGE = "views/source.py"
_LOOK = {
    "ok": ("green", ":material/check_circle:"),
    "partial": ("orange", ":material/rule:"),
    "empty": ("gray", ":material/draft:"),
    "failed": ("red", ":material/error:"),
}


def draw(parts: Services, texts: Texts) -> None:
    st.header(texts("documents.title"), anchor=False)
    st.html(note_html(texts("documents.subtitle")))
    _tell()
    _uploader(parts, texts)
    for index, job in enumerate(parts.jobs.batches()):
        _batch(parts, job, index, texts)
    _list(parts, texts)


def _tell() -> None:
    """Say how the last removal ended: the dialog that it was asked in closes before it could."""
    said = st.session_state.pop("removal", None)
    if said is not None:
        text, icon = said
        st.toast(text, icon=icon)


def _uploader(parts: Services, texts: Texts) -> None:
    limit = texts("documents.upload_limit", megabytes=st.get_option("server.maxUploadSize"))
    st.html(uploader_css(texts("documents.upload_button"), limit))
    with st.form("upload", clear_on_submit=True):
        files = st.file_uploader(
            texts("documents.upload"), accept_multiple_files=True, key="files", help=texts("documents.upload_help")
        )
        sent = st.form_submit_button(texts("documents.add"), type="primary", icon=":material/library_add:")
    if sent and files:
        parts.add(distinct([Upload(file_name(file.name), file.getvalue()) for file in files]))
    elif sent:
        st.warning(texts("documents.nothing"))


def _batch(parts: Services, job: IngestJob, index: int, texts: Texts) -> None:
    running = job.running

    def look() -> None:
        if running and not job.running:
            st.rerun()  # the list below has a new document
        _files(job, texts)
        if job.running:
            if st.button(texts("do.stop"), key=f"stop-{index}", icon=":material/stop_circle:", disabled=job.cancelled):
                job.cancel()
        elif st.button(texts("do.dismiss"), key=f"dismiss-{index}", type="tertiary", icon=":material/close:"):
            parts.jobs.dismiss(job)
            st.rerun()

    with st.container(border=True):
        if running:
            st.caption(texts("documents.progress"))
        st.fragment(run_every=POLL_SECONDS if running else None)(look)()


def _files(job: IngestJob, texts: Texts) -> None:
    for file in job.files:
        _file(file, job, texts)
    if job.error:
        st.error(plain(job.error), icon=":material/error:")


def _file(file: FileProgress, job: IngestJob, texts: Texts) -> None:
    name = plain(file.name, limit=80)
    if file.result is not None:
        _result(name, file.result, texts)
    elif job.running:
        units = f" {file.done}/{file.total}" if file.total else ""
        st.progress(file.fraction, text=f"{name} · {texts(f'file_stage.{file.stage}')}{units}")
    else:
        st.markdown(f":material/block: {name} · {texts('documents.stopped')}")


def _result(name: str, result: FileResult, texts: Texts) -> None:
    notes = [texts.count("documents.done", result.chunks)] if result.state in ("ok", "partial") else []
    if result.unchanged:
        notes = [texts("documents.unchanged")]
    if result.replaced:
        notes.append(texts("documents.replaced"))
    if result.reason:
        notes.append(plain(result.reason))
    with st.container(horizontal=True, vertical_alignment="center"):
        _badge(result.state, texts)
        st.markdown(" · ".join([name, *notes]), width="stretch")
    for warning in result.warnings:
        st.html(note_html(warning))


def _badge(state: str, texts: Texts) -> None:
    color, icon = _LOOK[state]
    st.badge(texts(f"state.{state}"), icon=icon, color=color)  # type: ignore[arg-type]


def _list(parts: Services, texts: Texts) -> None:
    if parts.opening.running:
        _wait_for_library(parts, texts)
        return
    try:
        library = parts.library()
        documents = library.documents() if library is not None else []
    except LastroError as error:
        st.error(texts("chat.library_failed", error=plain(str(error))), icon=":material/error:")
        return
    if not documents and any(job.running for job in parts.jobs.batches()):
        return
    if not documents:
        st.html(empty_html(texts("documents.empty_title"), texts("documents.empty_text")))
        return
    st.html(f'<h3 class="lastro-count">{markup(texts.count("documents.list", len(documents)))}</h3>')
    shown = 1
    if len(documents) > PER_PAGE:
        shown = st.pagination(-(-len(documents) // PER_PAGE), key="documents-page")
    for record in documents[(shown - 1) * PER_PAGE : shown * PER_PAGE]:
        _record(record, texts)


def _wait_for_library(parts: Services, texts: Texts) -> None:
    def look() -> None:
        if not parts.opening.running:
            st.rerun()
        st.info(texts("chat.opening"), icon="spinner")

    st.fragment(run_every=0.5, key="opening")(look)()


def _record(record: DocumentRecord, texts: Texts) -> None:
    facts = [kind(record)]
    if record.pages is not None:
        facts.append(texts.count("documents.pages", record.pages))
    facts.append(texts.count("documents.passages", record.chunks))
    facts.append(texts("documents.added", day=texts.day(record.added_at)))
    with st.container(border=True):
        body, actions = st.columns([5, 2], vertical_alignment="center")
        with body:
            st.markdown(f"**{plain(record.title, limit=120)}**")
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if record.state != "ok":
                    _badge(record.state, texts)
                st.html(note_html(" · ".join(facts)))
            for warning in record.warnings:
                st.html(note_html(f"⚠ {warning}"))
        with actions.container(horizontal=True, horizontal_alignment="right"):
            if st.button(texts("do.open"), key=f"open-{record.id}", icon=":material/visibility:", type="tertiary"):
                st.switch_page(SOURCE_PAGE, query_params={"document": record.id})
            if st.button(texts("do.remove"), key=f"remove-{record.id}", icon=":material/delete:", type="tertiary"):
                st.dialog(texts("documents.remove_title"))(_confirm)(record)


def _confirm(record: DocumentRecord) -> None:
    texts = session.texts()
    st.markdown(texts("documents.remove_text", title=f"**{plain(record.title)}**"))
    st.checkbox(texts("documents.remove_purge"), key="remove-purge", help=texts("documents.remove_purge_help"))
    with st.container(horizontal=True):
        if st.button(texts("do.remove"), type="primary", key="remove-yes", on_click=_remove, args=(record,)):
            st.rerun()
        if st.button(texts("do.cancel"), key="remove-no"):
            st.rerun()


def _remove(record: DocumentRecord) -> None:
    library = services().library()
    said = "documents.removed"
    try:
        if library is not None:
            library.remove(record.id)
            if st.session_state.get("remove-purge"):
                said = "documents.purged" if library.purge() == "done" else "documents.purge_pending"
            st.session_state["removal"] = (session.texts()(said), ":material/delete:")
    except LastroError as error:
        st.session_state["removal"] = (plain(str(error)), ":material/error:")


draw(services(), session.texts())

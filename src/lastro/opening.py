"""The edge that builds: from names and settings to a library with its embedder and pipeline, or to a chat model."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lastro.config import LibrarySettings, Settings, home, load_settings
from lastro.errors import ConfigError, LibraryNotFound, ModelNotFound
from lastro.language import fold
from lastro.offline import go_offline
from lastro.threads import let_waiting_threads_sleep
from lastro.types import BROUGHT, LibraryInfo

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from lastro.chains.answer import AnswerChain
    from lastro.chains.checking.nli import Entailment
    from lastro.llm.chat import ChatLlama
    from lastro.types import Chunk, ParsedDocument
    from lastro.vectorstore.adding import Pipeline
    from lastro.vectorstore.embeddings import Embedder
    from lastro.vectorstore.library import Library, Parts
    from lastro.vectorstore.rerank import Reranker

_SLUG_LENGTH = 60
# Names of devices on Windows, where no folder may be called so.
_RESERVED = frozenset(["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))])


def slug(name: str) -> str:
    """The folder name of a library's name, in any script: safe on every file system, equal only for equal names.

    A plain name stays as it is; any other gets a hash of itself behind what is left of it.

    >>> slug("contracts-2024")
    'contracts-2024'
    >>> slug("Отчёт 2024") == slug("Отчёт 2025"), slug("Licitações")[:11]
    (False, 'licitacoes-')
    """
    text = unicodedata.normalize("NFC", name).strip()
    if not text:
        raise ConfigError(f"library name {name!r}: empty; give it a name")
    plain = re.sub(r"[^a-z0-9]+", "-", fold(text)).strip("-")[:_SLUG_LENGTH].strip("-")
    if plain == text and plain not in _RESERVED:
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain or 'library'}-{digest}"


def library_path(name_or_path: str | Path) -> Path:
    """The folder of a library: a bare name is one under the home, a `Path` or a text with a separator is a folder."""
    separators = {os.sep, os.altsep or os.sep, "/"}
    if isinstance(name_or_path, Path) or any(sign in name_or_path for sign in separators):
        return Path(name_or_path).expanduser().resolve()
    return home() / "libraries" / slug(name_or_path)


def open_library(
    name_or_path: str | Path = "default",
    *,
    create: bool = True,
    settings: Settings | None = None,
    embedder: Embedder | None = None,
) -> Library:
    """Open a library by name or folder; it is created if absent, unless `create` is False.

    An existing library keeps the embedder and splitting that it was made with. Models are loaded when they are first
    needed, so listing documents is fast.

    Raises:
        LibraryNotFound: there is none, and `create` is False.
        EmbedderMismatch: `embedder` is not the one that the library was indexed with.
        LibraryTooNew: a later version made it.
    """
    go_offline()
    let_waiting_threads_sleep()
    from lastro.vectorstore.library import Library

    effective = load_settings() if settings is None else settings
    path = library_path(name_or_path)
    try:
        library = Library(
            path,
            _parts(effective, embedder),
            settings=_settings_for(effective.library, embedder),
            retrieval=effective.retrieval,
            name=None if isinstance(name_or_path, Path) or path.name == name_or_path else str(name_or_path),
            create=create,
        )
    except LibraryNotFound as error:
        raise LibraryNotFound(f"{name_or_path!s}: {error}") from error
    if embedder is not None:
        _check_now(library)
    return library


def is_outdated(name_or_path: str | Path) -> bool:
    """Whether a library is of an older format: opening it carries it over, a second or so for 1,000 chunks."""
    from lastro.vectorstore.creation import DATABASE
    from lastro.vectorstore.schema import is_outdated as outdated

    return outdated(library_path(name_or_path) / DATABASE)


def import_library(file: str | Path, name_or_path: str | Path) -> Path:
    """Make a library of what `Library.export` wrote, and return its folder, which must be empty or absent.

    Raises:
        LibraryCorrupt: the file is no export, or is damaged; nothing was made.
        LibraryTooNew: a later version wrote it.
    """
    go_offline()
    from lastro.vectorstore.backup import import_library_file

    target = library_path(name_or_path)
    name = target.name if isinstance(name_or_path, Path) else str(name_or_path)
    import_library_file(Path(file).expanduser().absolute(), target, name=name)
    return target


def libraries() -> list[LibraryInfo]:
    """Every library of this home, by name; one that cannot be opened says why."""
    from lastro.vectorstore.catalog import summary

    folder = home() / "libraries"
    entries = folder.iterdir() if folder.is_dir() else ()
    found = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]  # an import in the making
    return sorted((summary(entry) for entry in found), key=lambda info: (info.name, info.path))


def chat_model(settings: Settings | None = None) -> ChatLlama:
    """The chat model of the settings; its weights are loaded on first use."""
    go_offline()
    let_waiting_threads_sleep()
    from lastro.llm.chat import ChatLlama

    return ChatLlama.from_settings((load_settings() if settings is None else settings).llm)


def answer_chain(
    library: Library, *, llm: BaseChatModel | None = None, settings: Settings | None = None
) -> AnswerChain:
    """The chain that answers from a library; `llm`, any LangChain chat model, defaults to that of the settings.

    It searches as `settings` say, else as the library was opened to.
    """
    from lastro.chains.answer import answer_chain as build
    from lastro.chains.confidence import known_calibrations
    from lastro.chains.expand import expanding

    effective = load_settings() if settings is None else settings
    retrieval = library.retrieval if settings is None else settings.retrieval
    model = chat_model(effective) if llm is None else llm
    retriever = expanding(library.as_retriever(settings=retrieval), model, retrieval.expansion)
    return build(
        library, llm=model, retriever=retriever, settings=effective.answer, load_entailment=_entailment(effective),
        calibrations=known_calibrations(home() / "calibration.json"), **_checker(effective, library),
    )  # fmt: skip


def _checker(settings: Settings, library: Library) -> dict[str, Any]:
    """The embedder that claims are checked with, where it is another than the library's own."""
    from lastro.llm.models import find_embedder

    name = settings.answer.checker
    if name in ("", library.settings.embedder):
        return {}
    try:
        find_embedder(name)  # before a question is asked
    except ModelNotFound as error:
        raise ModelNotFound(f"answer.checker: {error}") from error
    return {"embeddings": lambda: checking_embedder(name), "embedder": name}


_CHECKERS: dict[str, Embedder] = {}
_LOADING = threading.Lock()


def checking_embedder(name: str) -> Embedder:
    """An embedder to check claims with, loaded once a process, whoever asks first."""
    from lastro.vectorstore.embeddings import load_embedder

    with _LOADING:
        if name not in _CHECKERS:
            _CHECKERS[name] = load_embedder(name)
        return _CHECKERS[name]


def _entailment(settings: Settings) -> Callable[[], Entailment] | None:
    """What loads the model that refines the check, where one is set."""
    name = settings.answer.verifier
    if not name:
        return None

    def load() -> Entailment:
        from lastro.chains.checking.nli import load_entailment

        return load_entailment(name)

    return load


def _parts(settings: Settings, embedder: Embedder | None) -> Parts:
    """What a library builds on, each imported when it is first called."""
    from lastro.vectorstore.embeddings import load_embedder
    from lastro.vectorstore.library import Parts

    def discover(inputs: Any) -> Sequence[Any]:
        from lastro.ingest.sources import discover

        return discover(inputs)

    def make_embedder(name: str) -> Embedder:
        return load_embedder(name, batch_tokens=settings.ingest.embed_batch_tokens)

    def make_pipeline(tokenizer: Embedder, library: LibrarySettings) -> Pipeline:
        from lastro.ingest.pipeline import IngestPipeline

        return IngestPipeline(settings=settings.ingest, library=library, tokenizer=tokenizer)

    def split(parsed: ParsedDocument, document_id: str, tokenizer: Embedder, library: LibrarySettings) -> list[Chunk]:
        from lastro.ingest.split import split_document

        cut_already = parsed.parser == BROUGHT
        return split_document(
            parsed, document_id, tokenizer=tokenizer, overlap_tokens=library.chunk_overlap_tokens,
            chunk_tokens=tokenizer.max_tokens if cut_already else library.chunk_tokens,
        )  # fmt: skip

    def make_reranker(name: str) -> Reranker:
        from lastro.vectorstore.rerank import load_reranker

        return load_reranker(name)

    return Parts(discover, make_embedder, make_pipeline, split, make_reranker, embedder)


def _settings_for(settings: LibrarySettings, embedder: Embedder | None) -> LibrarySettings:
    """The settings that a new library stores: the name of the embedder that was handed over, where one was."""
    return settings if embedder is None else settings.model_copy(update={"embedder": embedder.identity.name})


def _check_now(library: Library) -> None:
    try:
        _ = library.embedder
    except BaseException:
        library.close()
        raise

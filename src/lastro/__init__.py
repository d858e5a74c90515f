"""Answers from your own documents, on your own machine, each sentence backed by the passage it came from.

library = lastro.open_library("contracts")
library.add("docs/")
answer = lastro.answer_chain(library).invoke("When does the lease end?")

Every name is imported when it is first used, so `import lastro` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lastro.chains.answer import AnswerChain
    from lastro.chains.verifier import Verifier, verify
    from lastro.config import Settings, load_settings
    from lastro.errors import LastroError
    from lastro.llm.chat import ChatLlama
    from lastro.opening import answer_chain, chat_model, import_library, libraries, open_library
    from lastro.types import AddReport, Answer, Citation, DocumentRecord, Passage, Sentence, Upload, to_dict
    from lastro.vectorstore.embeddings import LocalEmbeddings
    from lastro.vectorstore.library import Library
    from lastro.vectorstore.rerank import LocalReranker

    __version__: str

_HOMES = {
    "AddReport": "lastro.types",
    "Answer": "lastro.types",
    "AnswerChain": "lastro.chains.answer",
    "ChatLlama": "lastro.llm.chat",
    "Citation": "lastro.types",
    "DocumentRecord": "lastro.types",
    "LastroError": "lastro.errors",
    "Library": "lastro.vectorstore.library",
    "LocalEmbeddings": "lastro.vectorstore.embeddings",
    "LocalReranker": "lastro.vectorstore.rerank",
    "Passage": "lastro.types",
    "Sentence": "lastro.types",
    "Settings": "lastro.config",
    "Upload": "lastro.types",
    "Verifier": "lastro.chains.verifier",
    "answer_chain": "lastro.opening",
    "chat_model": "lastro.opening",
    "import_library": "lastro.opening",
    "libraries": "lastro.opening",
    "load_settings": "lastro.config",
    "open_library": "lastro.opening",
    "to_dict": "lastro.types",
    "verify": "lastro.chains.verifier",
}

__all__ = [
    "AddReport",
    "Answer",
    "AnswerChain",
    "ChatLlama",
    "Citation",
    "DocumentRecord",
    "LastroError",
    "Library",
    "LocalEmbeddings",
    "LocalReranker",
    "Passage",
    "Sentence",
    "Settings",
    "Upload",
    "Verifier",
    "__version__",
    "answer_chain",
    "chat_model",
    "import_library",
    "libraries",
    "load_settings",
    "open_library",
    "to_dict",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("lastro")
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'lastro' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

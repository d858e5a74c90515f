"""One tree of errors; each message says what value, which rule, and the way out.

LastroError
├── ConfigError            a setting, or an argument that stands for one
├── SourceError            something that was to be added
│   ├── SourceNotFound
│   ├── UnsupportedFormat
│   ├── FileTooLarge
│   ├── EncryptedFile
│   ├── CorruptFile
│   └── ParseTimeout
├── LibraryError           a library on disk
│   ├── LibraryNotFound
│   ├── LibraryLocked
│   ├── LibraryReadOnly
│   ├── LibraryDiskError
│   ├── LibraryCorrupt
│   ├── LibraryTooNew
│   ├── EmbedderMismatch
│   └── DocumentNotFound
├── ModelError             a chat model or an embedder
│   ├── ModelNotFound
│   ├── ModelCorrupt
│   ├── ModelTooLarge
│   └── ContextOverflow    also langchain_core's ContextOverflowError (see lastro.llm)
├── PromptError            a prompt template
└── QuestionSetError       a question set of an evaluation
"""

from __future__ import annotations


class LastroError(Exception):
    """Anything Lastro refuses, with the way out in its message."""


class ConfigError(LastroError):
    """A setting is unknown or out of range."""


class SourceError(LastroError):
    """A source cannot be added."""


class SourceNotFound(SourceError):
    """No such file or folder."""


class UnsupportedFormat(SourceError):
    """No parser reads this type of content."""


class FileTooLarge(SourceError):
    """The file is over a limit of bytes, pages or characters."""


class EncryptedFile(SourceError):
    """The file wants a password."""


class CorruptFile(SourceError):
    """The parser could not make sense of the bytes."""


class ParseTimeout(SourceError):
    """Parsing went past its limit of time or memory and was stopped."""


class LibraryError(LastroError):
    """A library cannot do what was asked."""


class LibraryNotFound(LibraryError):
    """No library of that name or at that path."""


class LibraryLocked(LibraryError):
    """Another process is writing to the library."""


class LibraryReadOnly(LibraryError):
    """The library's folder may be read but not written."""


class LibraryDiskError(LibraryError):
    """The disk is full or failed; what was stored before stays."""


class LibraryCorrupt(LibraryError):
    """The library's files contradict each other."""


class LibraryTooNew(LibraryError):
    """The library was made by a newer version."""


class EmbedderMismatch(LibraryError):
    """The library was indexed with another embedder."""


class DocumentNotFound(LibraryError):
    """No document by that id, source or title."""


class ModelError(LastroError):
    """A model cannot be used."""


class ModelNotFound(ModelError):
    """No such model file or catalogue name."""


class ModelCorrupt(ModelError):
    """The model's file is damaged or is not the file it should be."""


class ModelTooLarge(ModelError):
    """The model does not fit this machine's memory."""


class ContextOverflow(ModelError):
    """The input does not fit the context window; nothing was truncated."""


class PromptError(LastroError):
    """A prompt template is missing or lacks a variable."""


class QuestionSetError(LastroError):
    """A question set or corpus cannot be used as it is."""

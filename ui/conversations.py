"""Conversations kept on disk, one JSON file each, so that a reload or a restart loses nothing."""

from __future__ import annotations

import logging
import os
import re
import secrets
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from lastro.types import Answer

_ID = re.compile(r"[0-9a-f]{32}")
_TITLE_LENGTH = 80
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Turn:
    """A question and how it ended: with an answer, with an error, or not at all (the program stopped)."""

    question: str
    asked_at: str  # ISO 8601, UTC
    answer: Answer | None = None
    error: str = ""
    stopped: bool = False  # the reader pressed stop


@dataclass(frozen=True)
class Conversation:
    """Turns, oldest first; `owner` is the key of the browser that began it."""

    id: str  # 32 hex digits, not to be guessed
    owner: str
    updated_at: str
    turns: tuple[Turn, ...] = ()

    @property
    def title(self) -> str:
        """The first question, cut to fit a list."""
        return self.turns[0].question[:_TITLE_LENGTH] if self.turns else ""


_FORMAT = TypeAdapter(Conversation)


def new_id() -> str:
    """A key of 128 random bits."""
    return secrets.token_hex(16)


def is_id(value: str) -> bool:
    """Whether a value has the form of `new_id`: so that no value from a URL ever names another file."""
    return _ID.fullmatch(value) is not None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class ConversationStore:
    """The conversations in one folder; safe under threads, and each write is whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._read: dict[Path, tuple[int, Conversation]] = {}

    def load(self, conversation_id: str) -> Conversation | None:
        """The conversation, or None where there is none of that id or its file was damaged (it is set aside)."""
        if not is_id(conversation_id):
            return None
        with self._lock:
            return self._load(self._path(conversation_id))

    def of(self, owner: str) -> list[Conversation]:
        """The conversations of an owner, newest first."""
        with self._lock:
            paths = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
            found = [self._load(path) for path in paths if is_id(path.stem)]
        mine = [conversation for conversation in found if conversation is not None and conversation.owner == owner]
        return sorted(mine, key=lambda conversation: conversation.updated_at, reverse=True)

    def ask(self, conversation_id: str, question: str, *, owner: str) -> Conversation:
        """Append an open turn; the conversation begins with its first question."""
        with self._lock:
            known = self.load(conversation_id) or Conversation(conversation_id, owner, _now())
            return self._save(replace(known, turns=(*known.turns, Turn(question, _now()))))

    def finish(
        self, conversation_id: str, *, answer: Answer | None = None, error: str = "", stopped: bool = False
    ) -> None:
        """Close the last turn; does nothing where the conversation was deleted meanwhile."""

        def close(turn: Turn) -> Turn:
            return replace(turn, answer=answer, error=error, stopped=stopped)

        self._change_last(conversation_id, close)

    def delete(self, conversation_id: str) -> None:
        """Remove the conversation's file, if there is one."""
        if is_id(conversation_id):
            with self._lock:
                self._path(conversation_id).unlink(missing_ok=True)

    def _change_last(self, conversation_id: str, change: Callable[[Turn], Turn]) -> None:
        with self._lock:
            known = self.load(conversation_id)
            if known is not None and known.turns:
                self._save(replace(known, turns=(*known.turns[:-1], change(known.turns[-1]))))

    def _path(self, conversation_id: str) -> Path:
        return self._folder / f"{conversation_id}.json"

    def _load(self, path: Path) -> Conversation | None:
        try:
            changed = path.stat().st_mtime_ns
            cached = self._read.get(path)
            if cached is not None and cached[0] == changed:
                return cached[1]
            conversation = _FORMAT.validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            conversation = None
        if conversation is None or conversation.id != path.stem:
            path.replace(path.with_suffix(".damaged"))
            _LOG.warning("%s: not a conversation; set aside as .damaged", path)
            return None
        self._read[path] = (changed, conversation)
        return conversation

    def _save(self, conversation: Conversation) -> Conversation:
        if not is_id(conversation.id):
            raise ValueError(f"conversation id {conversation.id!r:.40}: must be 32 hex digits; use new_id()")
        stamped = replace(conversation, updated_at=_now())
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(conversation.id)
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=".new")  # readable by its owner alone
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_FORMAT.dump_json(stamped, warnings="error"))  # what cannot be read back is not written
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._read.pop(path, None)
        return stamped

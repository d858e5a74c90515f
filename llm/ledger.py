"""What was found out about model files, so that each is hashed and tried once: a small JSON file in `LASTRO_HOME`."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from lastro.config import home

_known: dict[str, dict[str, Any]] = {}  # this process's own findings, for a home that cannot be written


def recall(path: Path, fact: str) -> Any | None:
    """The `fact` noted for the file, None where there is none or the file has changed since (size or time)."""
    key, stamp = str(path.resolve()), _stamp(path)
    for entry in (_known.get(key), _read().get(key)):
        if isinstance(entry, dict) and entry.get("stamp") == stamp and fact in entry:
            return entry[fact]
    return None


def note(path: Path, fact: str, value: Any) -> None:
    """Keep `value` for the file as it is now; a folder that cannot be written only costs the work next time."""
    facts, key, stamp = _read(), str(path.resolve()), _stamp(path)
    for entries in (_known, facts):
        entry = entries.get(key)
        if not isinstance(entry, dict) or entry.get("stamp") != stamp:
            entry = {"stamp": stamp}
        entries[key] = entry | {fact: value}
    with suppress(OSError):
        _write(facts)


def _file() -> Path:
    return home() / "cache" / "model-files.json"


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _read() -> dict[str, Any]:
    try:
        facts = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or cut short
        return {}
    return facts if isinstance(facts, dict) else {}


def _write(facts: dict[str, Any]) -> None:
    target = _file()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".partial")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(facts, file)
        Path(name).replace(target)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise

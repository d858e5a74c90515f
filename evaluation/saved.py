"""Reports as JSON files: written, and read back for a later comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lastro.errors import ConfigError
from lastro.evaluation.records import FORMAT, READABLE, Report
from lastro.types import to_dict

_WAY_OUT = "give a file that `lastro eval --json` wrote"


def to_json(report: Report) -> str:
    """A report as one JSON document."""
    return json.dumps(to_dict(report), ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def refuse_unwritable(*paths: Path | None) -> None:
    """Refuse what cannot become a file, before the work whose result it shall hold.

    Raises:
        ConfigError: a path is a folder, or in a folder that does not exist.
    """
    for path in paths:
        if path is not None and not path.parent.is_dir():
            raise ConfigError(f"{path}: cannot be written: no folder {path.parent}; make it, or name another file")
        if path is not None and path.is_dir():
            raise ConfigError(f"{path}: cannot be written: it is a folder; name a file")


def write_file(path: Path, text: str) -> None:
    """Write a text whole: a reader sees the old file or the new one.

    Raises:
        ConfigError: the file cannot be written.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); name another file") from error


def load_report(path: str | Path) -> Report:
    """The report that a file holds; one of an earlier version has no answers.

    Raises:
        ConfigError: it is none, or one of another version.
    """
    from pydantic import TypeAdapter, ValidationError

    file = Path(path)
    try:
        value: Any = json.loads(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}); {_WAY_OUT}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not JSON ({error}); {_WAY_OUT}") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ConfigError(f"{file}: holds no evaluation; {_WAY_OUT}")
    if value.get("version") not in READABLE:
        raise ConfigError(
            f"{file}: version {value.get('version')!r} of the format, this program reads "
            f"{' and '.join(map(str, READABLE))}; run it again"
        )
    try:
        report = TypeAdapter(Report).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{file}: {place}: {first['msg']}; the file is damaged, run the evaluation again") from error
    if not report.runs or not report.runs[0].outcomes:
        raise ConfigError(f"{file}: holds no run; {_WAY_OUT}")
    return report

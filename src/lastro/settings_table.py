"""The settings as rows for a reader: name, value, where it came from, meaning with its range."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from lastro.config import Settings, SettingsSection, origins

Row = tuple[str, Any, str, str]
_SIGNS = ((Ge, "ge", "≥"), (Gt, "gt", ">"), (Le, "le", "≤"), (Lt, "lt", "<"))


def meaning(field: FieldInfo) -> str:
    """A setting's description with the values it may take.

    >>> from lastro.config import RetrievalSettings
    >>> meaning(RetrievalSettings.model_fields["k"])
    'Passages handed to the prompt, best first. (≥ 1, ≤ 100)'
    """
    limits = [
        f"{sign} {getattr(limit, name)}"
        for limit in field.metadata
        for kind, name, sign in _SIGNS
        if isinstance(limit, kind)
    ]
    if get_origin(field.annotation) is Literal:
        limits = [" | ".join(str(choice) for choice in get_args(field.annotation))]
    return f"{field.description} ({', '.join(limits)})" if limits else str(field.description)


def _rows(sections: dict[str, SettingsSection], came_from: dict[str, str]) -> list[Row]:
    return [
        (f"{section}.{name}", getattr(values, name), came_from.get(f"{section}.{name}", "default"), meaning(field))
        for section, values in sections.items()
        for name, field in type(values).model_fields.items()
    ]


def rows(settings: Settings, *, model: str | None = None) -> list[Row]:
    """Every effective setting; `model` is the chat model given as an argument, if one was."""
    given = {} if model is None else {"llm": {"model": model}}
    return _rows({name: getattr(settings, name) for name in Settings.model_fields}, origins(**given))


def default_rows() -> list[Row]:
    """Every setting with its default, for when the effective ones are refused."""
    return _rows({name: field.default for name, field in Settings.model_fields.items()}, {})

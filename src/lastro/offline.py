"""The one place that keeps every dependency off the network and quiet about its user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_QUIET = {
    "ANONYMIZED_TELEMETRY": "False",  # chromadb
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # ours are the only bars
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "LANGSMITH_TRACING_V2": "false",  # langsmith reads this name first
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "TOKENIZERS_PARALLELISM": "false",  # its threads and a fork warn, or hang
}
_HUB = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_FOUND: dict[str, str | None] = {}  # what the user had set, before we set it


def go_offline(*, allow_hub: bool = False) -> None:
    """Set the environment that turns telemetry, tracing and hub access off; call it before any heavy import.

    The values are forced: a tracing variable left in a shell must not send a private document anywhere.
    `allow_hub` is for the one command that downloads a model.
    """
    os.environ.update(_QUIET)
    for name in _HUB:
        _FOUND.setdefault(name, os.environ.get(name))
    os.environ.update(dict.fromkeys(_HUB, "0" if allow_hub else "1"))


def hub_forbidden_by() -> str | None:
    """The variable by which the user, not this module, keeps programs off the hub; None where there is none."""
    for name in _HUB:
        value = _FOUND[name] if name in _FOUND else os.environ.get(name)
        if (value or "").strip().upper() in {"1", "ON", "YES", "TRUE"}:
            return name
    return None


@contextmanager
def hub_allowed() -> Iterator[None]:
    """Let this process reach the hub for one download that the user asked for, then close the way again."""
    from huggingface_hub import constants

    before = {name: os.environ.get(name) for name in _HUB}, constants.HF_HUB_OFFLINE
    os.environ.update(dict.fromkeys(_HUB, "0"))
    constants.HF_HUB_OFFLINE = False  # huggingface_hub reads the environment once, when it is imported
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before[1]
        for name, value in before[0].items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

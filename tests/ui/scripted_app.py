"""The page with a scripted model and hashed embeddings: `python -m tests.ui.scripted_app PORT`, in a `LASTRO_HOME`.

Where the home holds a pipe named `gate`, the model is loaded once somebody opens it for writing.
"""

from __future__ import annotations

import sys

import lastro
from lastro.config import UiSettings, home, load_settings
from lastro.ui import launch, state
from tests.fakes import HashEmbeddings, ScriptedChat


def build_services() -> state.Services:
    """Services as `lastro app` has them, but for the models."""
    settings, embedder = load_settings(), HashEmbeddings()

    def chat_model() -> ScriptedChat:
        gate, script = home() / "gate", home() / "script.txt"
        if gate.exists():
            gate.read_bytes()
        return ScriptedChat(script=script.read_text(encoding="utf-8") if script.exists() else "It is so.")

    return state.Services(
        settings,
        open_library=lambda create: lastro.open_library("default", create=create, settings=settings, embedder=embedder),
        chat_model=chat_model,
    )


if __name__ == "__main__":
    from streamlit.web import cli

    state.build_services = build_services
    cli.main(launch.arguments(UiSettings(port=int(sys.argv[1]))))

"""The chat model: GGUF files run by llama.cpp, as a LangChain chat model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lastro.llm.chat import ChatLlama

__all__ = ["ChatLlama"]


def __getattr__(name: str) -> Any:
    """Load `ChatLlama` when it is first asked for: LangChain's chat models take a second to import."""
    if name == "ChatLlama":
        from lastro.llm.chat import ChatLlama

        return ChatLlama
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""LangChain's own suites, run on the starter model."""

from __future__ import annotations

from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from lastro.llm.chat import ChatLlama
from lastro.llm.models import find_chat_model


class _Claims:
    """What ChatLlama claims: usage metadata and another model by call; neither tools nor structured output."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatLlama

    @property
    def chat_model_params(self) -> dict[str, object]:
        return {"model": "smollm2-135m"}

    @property
    def standard_chat_model_params(self) -> dict[str, object]:
        return {"temperature": 0, "max_tokens": 24, "timeout": 60, "stop": [], "max_retries": 2}

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return str(find_chat_model("smollm2-135m"))

    @property
    def returns_usage_metadata(self) -> bool:
        return True


class TestChatLlamaUnit(_Claims, ChatModelUnitTests):
    pass


class TestChatLlamaIntegration(_Claims, ChatModelIntegrationTests):
    pass

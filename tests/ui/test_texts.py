import re
from pathlib import Path
from string import Formatter

import pytest

import lastro.ui
from lastro.ui.texts import LANGUAGES, choose_language, load_texts

FOLDER = Path(lastro.ui.__file__).parent


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys():
    assert load_texts("en").entries.keys() == load_texts("pt").entries.keys()


def test_both_languages_fill_the_same_gaps():
    en, pt = load_texts("en").entries, load_texts("pt").entries
    assert {key: fields(text) for key, text in en.items()} == {key: fields(text) for key, text in pt.items()}


def test_every_key_that_the_pages_name_exists():
    source = "\n".join(path.read_text() for path in FOLDER.rglob("*.py"))
    entries = load_texts("en").entries
    assert set(re.findall(r"(?<!load_)texts\(\s*[\"']([a-z_.]+)[\"']", source)) <= entries.keys()
    counted = set(re.findall(r"texts\.count\(\s*[\"']([a-z_.]+)[\"']", source))
    assert {f"{key}.{form}" for key in counted for form in ("one", "many")} <= entries.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_blank(language):
    assert all(text.strip() for text in load_texts(language).entries.values())


def test_the_first_known_wish_chooses_the_language():
    assert choose_language("xx", None, "pt-BR", "en") == "pt"
    assert choose_language(None, "auto", None) == "en"


def test_no_page_switches_streamlits_own_escaping_off():
    allowed = "unsafe_" + "allow_html"
    assert not [path for path in FOLDER.rglob("*.py") if allowed in path.read_text()]

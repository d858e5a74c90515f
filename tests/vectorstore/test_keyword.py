from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lastro.types import Upload
from lastro.vectorstore import keyword
from lastro.vectorstore.library import Library

HOSTILE = [
    "", " ", '"', "'", '""', "*", "cats*", "NOT", "AND OR NOT", "cats AND", "NEAR(cats dogs)", "title:cats", "(cats",
    "cats)", "-cats", "^cats", "{title}: cats", "cats\x00dogs", "\ud800", "🐱 cats", "😀" * 50, "ção ÇÃO", "½ ﷺ",
    "8.666/93", "o'brien d'água", "a@b.com", "; DROP TABLE chunks; --", "%s %d", "\\", "cats " * 20_000,
    " ".join(f"word{n}" for n in range(15_000)), "x" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_no_query_is_a_syntax_error(library: Library, query: str):
    library.search(query, search_type="keyword")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(query=st.text(max_size=60))
def test_no_text_at_all_is_a_syntax_error(library: Library, query: str):
    library.search(query, search_type="keyword")


@pytest.mark.parametrize("query", ["8.666/93", "lei 8.666/93", "ana@exemplo.com.br", "AB-123/2024", "d'água"])
def test_numbers_codes_and_addresses_are_found_whole(library: Library, query: str):
    text = "Conforme a Lei 8.666/93, escreva para ana@exemplo.com.br sobre AB-123/2024 e a caixa d'água."
    library.add(Upload("lei.txt", text.encode()))
    assert library.search(query, search_type="keyword", k=1)[0].title == "lei"


def test_accents_and_endings_do_not_matter(library: Library):
    for query in ("locacao", "LOCAÇÕES", "contratos", "alugueis"):
        assert [p.title for p in library.search(query, search_type="keyword")] in (["Contrato"], []), query
    assert library.search("contratos de locacao", search_type="keyword")[0].title == "Contrato"


def test_a_title_or_heading_is_found(library: Library):
    library.add(Upload("guia.md", b"# Garantia estendida\n\nVale por dois anos.\n"))
    assert library.search("garantia estendida", search_type="keyword")[0].text.endswith("dois anos.")


def test_common_terms_are_dropped_only_when_rarer_ones_remain(library: Library, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keyword, "COMMON_FLOOR", 1)
    with library._catalog.read() as db:
        assert keyword.read_question(db, "2027 cats", language="en").wanted == ("cat",)
        assert keyword.read_question(db, "2027", language="en").wanted == ("2027",)


def test_stems_the_library_lacks_are_not_searched(library: Library):
    with library._catalog.read() as db:
        assert keyword.read_question(db, "cats and submarines", language="en").wanted == ("cat",)
        assert keyword.search(db, keyword.read_question(db, "submarines", language="en"), limit=5) == []


@pytest.mark.parametrize("query", ["AB-123/2024", "123/2024", "AB", "2024-XY9", "XY9", "ab-123 / 2024"])
def test_a_code_is_found_whole_and_by_its_parts(library: Library, query: str):
    library.add(Upload("codigo.txt", b"Processo AB-123/2024, anexo 2024-XY9."))
    assert library.search(query, search_type="keyword", k=1)[0].title == "codigo"


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("合同期限为三年，租金按月支付。", "租金"),
        ("この契約の期間は三年です。", "期間"),
        ("계약 기간은 3년입니다.", "기간"),
        ("สัญญาเช่ามีกำหนดสามปี", "กำหนด"),
        ("अनुबंध की अवधि तीन वर्ष है और किराया मासिक है।", "किराया"),
        ("مدة العقد ثلاث سنوات والإيجار شهري.", "العقد"),
        ("Umowa najmu trwa trzy lata, czynsz płatny z góry.", "umowy najmu"),
        ("Срок договора аренды составляет три года.", "договоры аренды"),
        ("Die Kündigungsfrist beträgt drei Monate.", "kundigungsfrist"),
    ],
)  # fmt: skip
def test_every_script_is_searched_by_its_words(library: Library, text: str, query: str):
    library.add(Upload("doc.txt", text.encode()))
    assert [passage.title for passage in library.search(query, search_type="keyword", k=1)] == ["doc"]


def test_a_question_of_common_words_alone_is_searched_by_them(library: Library):
    library.add(
        Upload(
            "doc.txt",
            ("Este documento está en español y trata de quienes somos nosotros los vecinos del barrio. " * 4).encode(),
        )
    )
    with library._catalog.read() as db:
        assert keyword.read_question(db, "quienes somos nosotros", language="es").wanted
        assert "nosotr" not in keyword.read_question(db, "nosotros los vecinos", language="es").stems["es"]


def test_stop_words_say_nothing_beside_a_telling_word(library: Library):
    with library._catalog.read() as db:
        assert set(keyword.read_question(db, "Where are the cats?", language="en").stems["en"]) == {"cat"}

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.detection import detect_language, question_language
from lastro.language import content_terms, stem, terms
from lastro.sentences import sentences


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Qual é o prazo de entrega?", "pt"),
        ("Quem assina?", "pt"),
        ("O que acontece em caso de atraso?", "pt"),
        ("Quando termina?", "pt"),
        ("Preço do frete", "pt"),
        ("Preço?", "pt"),
        ("When does it end?", "en"),
        ("Who signs?", "en"),
        ("What happens if the tenant is late?", "en"),
        ("FGTS", "en"),
        ("¿Quién firma el contrato?", "en"),
        ("Wann endet der Vertrag?", "en"),
        ("合同什么时候结束？", "en"),
    ],
)
def test_short_questions_are_told_apart(question: str, language: str) -> None:
    assert question_language(question) == language


def test_a_question_too_short_to_tell_takes_the_librarys_language() -> None:
    assert question_language("FGTS", "pt") == "pt"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Der Mietvertrag endet am 31. Mai und kann mit einer Frist von drei Monaten gekündigt werden. " * 3, "de"),
        ("O contrato termina em maio e pode ser rescindido com aviso de três meses pela parte interessada. " * 3, "pt"),
        ("The lease ends in May and can be ended with three months of notice by either of the parties. " * 3, "en"),
        ("¿Cuándo termina el contrato de alquiler?", "es"),
        ("Quand se termine le bail ?", "fr"),
        ("Wann endet der Mietvertrag?", "de"),
        ("Quando scade il contratto di affitto?", "it"),
        ("合同什么时候结束？", "zh"),
        ("1234 5678", "und"),
        ("", "und"),
    ],
)
def test_a_texts_language_is_found(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Conforme o art. 5 da lei. Nada mais.", 2),
        ("Veja a p. 12 e o inc. II do art. 7. Fim.", 2),
        ("Dr. Silva assinou em 31 mar. 2026. Sim.", 2),
        ("See no. 5 and Fig. 3. They agree, e.g. here. Done!", 3),
        ("I said no. Then he left.", 2),
        ("J. R. Silva paid 1.5 million. Really?", 2),
        ("- one item\n- another item\n\nA paragraph", 3),
        ("A line that\nis wrapped. Yes.", 2),
        ("2. The second item stays whole. Next.", 2),
        ("Conforme o art.\n5 da lei. Nada mais.", 2),
        ("4. Deposit\n4.1 The tenant pays. 4.2 It is kept.\n§ 1º Sem juros.\nCláusula 2 vale\nsempre.", 5),
        ("paid on\n1 June 2024 at\n8 percent.", 1),
        ("Schedule A\nService charge, estimate for 2024 $620.00 with rent\nSecurity deposit $14,550.00 on signing", 3),
        ("4. Deposit\nOn signing, the Tenant pays a security deposit of three months and the Landlord\nkeeps it.", 2),
        ("O prazo é contado da assinatura do contrato pela\nContratada, na forma da lei.", 1),
        ("", 0),
    ],
)
def test_sentences_end_where_they_end(text: str, count: int) -> None:
    assert len(sentences(text)) == count


@given(st.text(max_size=300))
def test_sentences_and_terms_are_ordered_spans_that_lose_nothing(text: str) -> None:
    spans = sentences(text)
    kept = "".join(text[a:b] for a, b in spans)
    assert "".join(kept.split()) == "".join(text.split())
    assert all(a < b for a, b in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert all(text[term.start : term.end] == term.text for term in terms(text, "pt"))


def test_codes_numbers_and_addresses_stay_whole() -> None:
    words = [term.text for term in terms("Ana@x.com.br paga R$ 1.234,56 em 3/4/2026, art. 5º, AB-123/2024", "pt")]
    assert "Ana@x.com.br" in words
    assert "1.234,56" in words
    assert "3/4/2026" in words
    assert "5º" in words
    assert "AB-123/2024" in words


def test_stop_words_leave_and_other_languages_go_unstemmed() -> None:
    assert [term.stem for term in content_terms("O contrato não é dos contratos", "pt")] == ["contrat", "contrat"]
    assert stem("Łódź", "uk") == "łodz"

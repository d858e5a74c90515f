"""The same number in many forms: what is one to a reader is one to the check, and nothing else is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.chains.checking.quantities import quantities_of
from lastro.chains.checking.reading import read

# language, text, language, text: one number.
ONE_NUMBER = (
    ("en", "ninety days", "en", "90 days"),
    ("pt", "duzentos e dez", "en", "210"),
    ("en", "half a dozen eggs", "pt", "meia dúzia de ovos"),
    ("en", "a dozen boats", "en", "12 boats"),
    ("pt", "duas dúzias de barcos", "pt", "24 barcos"),
    ("pt", "às duas e meia da tarde", "pt", "às 14h30min"),
    ("pt", "às 12h30", "pt", "ao meio-dia e meia"),
    ("pt", "R$ 2,5 milhões", "pt", "dois milhões e meio de reais"),
    ("pt", "1,5 milhão", "pt", "um milhão e meio de habitantes"),
    ("en", "2.5 tablets", "en", "two and a half tablets"),
    ("pt", "2,5 comprimidos", "pt", "dois e meio comprimidos"),
    ("pt", "2,5%", "pt", "dois e meio por cento"),
    ("pt", "a terça parte", "en", "one third"),
    ("en", "one-third of it", "en", "a third of it"),
    ("en", "the 20th century", "en", "the 19th and early 20th centuries"),
    ("en", "the 1st century", "en", "1st to the 3rd century"),
    ("en", "at half past two", "en", "at 14:30"),
    ("pt", "às duas e meia", "pt", "às 14h30"),
    ("en", "at 2:30 pm", "pt", "às 14h30"),
    ("en", "at 4.30 p.m.", "pt", "às 16h30"),
    ("en", "at six o'clock", "en", "at six"),
    ("en", "noon", "pt", "meio-dia"),
    ("pt", "meia-noite", "en", "midnight"),
    ("en", "0.31 kilograms", "en", "310 grams"),
    ("pt", "160 centímetros", "pt", "1,6 metro"),
    ("pt", "50.000 m²", "pt", "5 hectares"),
    ("en", "2 square kilometres", "pt", "200 hectares"),
    ("pt", "1,2 milhão de reais", "pt", "R$ 1.200.000,00"),
    ("pt", "R$ 2,5 bi", "pt", "2,5 bilhões de reais"),
    ("en", "1.5 billion", "pt", "um bilhão e meio"),
    ("en", "two and a half million", "pt", "dois milhões e meio"),
    ("pt", "R$ 3 milhões", "pt", "três milhões de reais"),
    ("pt", "três reais e cinquenta", "pt", "R$ 3,50"),
    ("pt", "sessenta centavos", "pt", "R$ 0,60"),
    ("en", "nine in ten", "en", "90%"),
    ("pt", "um em cada quatro", "pt", "25%"),
    ("en", "one patient in every ten", "en", "10%"),
    ("en", "seven in every ten", "pt", "70%"),
    ("en", "two fifths", "pt", "40%"),
    ("pt", "a quinta parte", "en", "a fifth of them"),
    ("pt", "três quartos", "pt", "75%"),
    ("en", "an hour and a half", "en", "90 minutes"),
    ("pt", "duas horas e meia", "pt", "150 minutos"),
    ("en", "a quarter of an hour", "pt", "15 minutos"),
    ("en", "one and a half tonnes", "en", "1,500 kg"),
    ("pt", "um ano e meio", "pt", "18 meses"),
    ("en", "12 months", "en", "for a year"),
    ("pt", "doze meses", "pt", "prazo de um ano"),
    ("en", "14 days", "en", "within a fortnight"),
    ("pt", "seis meses", "pt", "durante um semestre"),
    ("pt", "século XIX", "en", "nineteenth century"),
    ("pt", "século 19", "en", "the 19th century"),
    ("en", "the 1990s", "pt", "década de 1990"),
    ("en", "the nineties", "pt", "os anos noventa"),
    ("pt", "os anos 90", "en", "the 1990s"),
    ("en", "the 1990s", "en", "in 1994"),
    ("en", "the seventeenth century", "en", "in 1652"),
    ("pt", "século XIX", "pt", "nos séculos XVII, XVIII e XIX"),
    ("en", "the eighteenth century", "en", "the eighteenth and nineteenth centuries"),
    ("en", "the twenty-first century", "pt", "século 21"),
    ("en", "half a million", "pt", "meio milhão"),
    ("en", "two-and-a-half years", "en", "30 months"),
    ("en", "2.5%", "en", "two and a half per cent"),
    ("pt", "um real e cinquenta", "pt", "R$ 1,50"),
    ("pt", "dois trilhões", "en", "2 trillion"),
    ("en", "minus 5 degrees", "en", "5 degrees below zero"),
    ("en", "half-a-dozen", "en", "a half dozen"),
    ("pt", "a cada oito horas", "pt", "a cada 8h"),
    ("pt", "em duas vias", "pt", "em 2 vias"),
    ("en", "for 30 seconds", "en", "for 30s"),
    ("en", "minus 3 degrees", "pt", "3 graus negativos"),
    ("en", "for half a century", "pt", "durante 50 anos"),
    ("pt", "por meio século", "en", "for fifty years"),
    ("en", "two centuries", "pt", "200 anos"),
    ("pt", "um século e meio", "en", "150 years"),
    ("en", "a quarter of a century", "en", "25 years"),
    ("pt", "duas décadas", "en", "20 years"),
    ("pt", "dez anos", "pt", "durante uma década"),
    ("pt", "dois trimestres", "pt", "seis meses"),
    ("pt", "em 12/5", "pt", "nos dias 10/5 e 12/5"),
    ("pt", "pressão de 12/8", "pt", "a pressão ficou em 12/8"),
    ("en", "a half-century of work", "en", "50 years of work"),
)
TWO_NUMBERS = (
    ("en", "half a dozen eggs", "en", "12 eggs"),
    ("en", "half a dozen eggs", "en", "half of the eggs"),
    ("pt", "às 11h30", "en", "at 11:40"),
    ("pt", "às duas e meia da madrugada", "pt", "às 14h30"),
    ("pt", "duas horas e meia", "pt", "às duas e meia"),
    ("en", "12 hours", "en", "at noon"),
    ("en", "the 1960s", "en", "in his 60s"),
    ("en", "the nineteenth century", "en", "19 people"),
    ("en", "19 people", "en", "the nineteenth century"),
    ("en", "12 months", "en", "9,000 dollars a year"),
    ("en", "7 days", "en", "10 mg a week"),
    ("en", "12 months", "en", "for a year and three months"),
    ("en", "5 out of 10", "en", "50%"),
    ("pt", "dos anos de 2010 e 2011", "pt", "em 2017"),
    ("en", "7 days", "en", "three times a week"),
    ("pt", "7 dias", "pt", "durante a semana"),
    ("pt", "século V a.C.", "pt", "século V d.C."),
    ("en", "5 acres", "en", "5 hectares"),
    ("en", "at 2:30 pm", "en", "at 2:30 am"),
    ("pt", "às duas e meia", "pt", "às três e meia"),
    ("pt", "160 centímetros", "pt", "160 metros"),
    ("pt", "5 hectares", "pt", "5 km²"),
    ("en", "two and a half million", "en", "2 million"),
    ("pt", "dois milhões e meio", "pt", "2.000.000"),
    ("pt", "três reais e cinquenta", "pt", "R$ 3,05"),
    ("pt", "sessenta centavos", "pt", "R$ 60,00"),
    ("en", "nine in ten", "en", "9%"),
    ("en", "one patient in every ten", "en", "one patient in every twelve"),
    ("en", "two fifths", "en", "25%"),
    ("en", "an hour and a half", "en", "30 minutes"),
    ("pt", "doze meses", "pt", "um mês"),
    ("pt", "século XIX", "pt", "século XX"),
    ("en", "the 1990s", "en", "in 1989"),
    ("en", "in 1994", "en", "the 1990s"),
    ("en", "the sixteenth century", "en", "in 1601"),
    ("en", "the nineties", "en", "the 1980s"),
    ("en", "minus 3 degrees", "en", "3 degrees"),
    ("en", "for half a century", "en", "half of the century's poems"),
    ("en", "two centuries", "en", "the second century"),
    ("pt", "duas décadas", "pt", "década de 1920"),
    ("pt", "17 alunos", "pt", "alunos em 17/8"),
    ("en", "200 years", "en", "two century-old trees"),
    ("pt", "6 meses", "pt", "no 2 trimestre"),
)


@pytest.mark.parametrize(("language", "claim", "other", "source"), ONE_NUMBER)
def test_one_number_in_two_forms(language: str, claim: str, other: str, source: str) -> None:
    wanted = quantities_of(claim, language)
    assert wanted
    assert all(read(source, other).says(quantity) for quantity in wanted)


@pytest.mark.parametrize(("language", "claim", "other", "source"), TWO_NUMBERS)
def test_two_numbers_of_like_form(language: str, claim: str, other: str, source: str) -> None:
    assert not all(read(source, other).says(quantity) for quantity in quantities_of(claim, language))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "three in five rooms, 12 out of 30 patients", ["three in five", "12", "30"]),
        ("en", "two in 1990, ten in 30 days", ["two", "1990", "ten", "30 days"]),
        ("pt", "as duas e meia toneladas", ["duas e meia toneladas"]),
        ("pt", "há 3 anos 20 pessoas vieram", ["3 anos", "20"]),
        ("en", "a fifth element, the second of ten", ["fifth", "ten"]),
        ("en", "the 1990 law; afternoon", ["1990"]),
        ("en", "one in 10 days, two in 20 hours", ["10 days", "two", "20 hours"]),
        ("pt", "sofreu um acidente em 10 de março de 2020", ["10 de março de 2020"]),
        ("pt", "fez uma reunião em 15/03/2024", ["15/03/2024"]),
        ("pt", "firmaram um contrato em duas vias", ["duas"]),
        ("en", "grade 3 in 12 patients", ["3", "12"]),
        ("pt", "um comprimido a cada 8h, uma parada a cada 10 km", ["8h", "10 km"]),
        ("pt", "na página 12 há um erro", ["12"]),
        ("en", "a 2019 Ninth Circuit ruling", ["2019", "Ninth"]),
        ("en", "30 sixth graders", ["30", "sixth"]),
        ("pt", "R$ 40 e meia-entrada R$ 20", ["R$ 40", "meia", "R$ 20"]),
        ("pt", "em 1992 e meio ambiente", ["1992", "meio"]),
        ("pt", "andou 5 quilômetros e meia hora depois", ["5 quilômetros", "meia"]),
        ("en", "the fee is $50 bi-weekly", ["$50"]),
        ("pt", "entre 10 euros e 20.", ["10 euros", "20"]),
        ("en", "fell a quarter to 5 dollars", ["quarter", "5 dollars"]),
        ("en", "from a quarter to four fifths of patients", ["quarter", "four fifths"]),
        ("pt", "no século 18, 20 igrejas", ["século 18", "20"]),
        ("pt", "no século XX e vi que", ["século XX"]),
        ("pt", "nos primeiros anos 40 famílias", ["40"]),
        ("pt", "entre dez reais e vinte.", ["dez reais", "vinte"]),
        ("en", "a fifth of the month", ["fifth"]),
        ("en", "## Fifth Amendment, Item # and a half, one in # patients", ["Fifth", "half"]),
    ],
)
def test_what_is_no_amount_is_left_as_it_is(language: str, text: str, expected: list[str]) -> None:
    assert [quantity.text.strip() for quantity in quantities_of(text, language)] == expected


def test_a_unit_that_an_article_counts_is_not_asked_for() -> None:
    assert quantities_of("It takes a year.", "en") == ()
    assert quantities_of("Leva uma semana.", "pt") == ()


PIECES = (
    "two dois 3 10 1.500,00 1990 90s half meia and a half e meia dozen dúzia in every em cada of fifths quintos parte "
    "mil million milhões reais e centavos R$ às o'clock past quarter to century século XIX the nineties anos década de "
    "# \ue000 zero percent a.m. da tarde minus degrees graus negativos below zero m² metros quadrados "
    "square km um uma one 7, % . -"
).split()


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from(("en", "pt")), st.sampled_from((" ", "", "-")))
def test_any_run_of_number_words_has_quantities_that_stand_in_it(pieces: list[str], language: str, by: str) -> None:
    text = by.join(pieces)
    found = quantities_of(text, language)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))


def test_a_long_run_of_number_words_is_no_number() -> None:
    assert quantities_of("two hundred and five " * 2_000, "en") == ()

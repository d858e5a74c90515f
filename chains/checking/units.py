"""Units, currencies, shares and months by every name that the two languages give them, folded."""

from __future__ import annotations

_MONTH_WORDS = (
    "january jan janeiro",
    "february feb fevereiro fev",
    "march mar marco",
    "april apr abril abr",
    "may maio mai",
    "june jun junho",
    "july jul julho",
    "august aug agosto ago",
    "september sept sep setembro set",
    "october oct outubro out",
    "november nov novembro",
    "december dec dezembro dez",
)
MONTHS = {word: number for number, words in enumerate(_MONTH_WORDS, 1) for word in words.split()}

UNITS: dict[str, tuple[float, str]] = {
    word: (factor, unit)
    for words, factor, unit in (
        ("second seconds segundo segundos s", 1, "s"),
        ("minute minutes minuto minutos min", 60, "s"),
        ("hour hours hora horas h", 3600, "s"),
        ("day days dia dias", 86400, "s"),
        ("week weeks semana semanas", 604800, "s"),
        ("fortnight fortnights", 1209600, "s"),
        ("quinzena quinzenas", 1296000, "s"),
        ("month months mes meses", 1, "month"),
        ("bimestre bimestres", 2, "month"),
        ("trimestre trimestres", 3, "month"),
        ("semestre semestres", 6, "month"),
        ("year years ano anos", 12, "month"),
        ("decade decades decada decadas", 120, "month"),
        ("century centuries seculo seculos", 1200, "month"),
        ("mg", 0.001, "g"),
        ("g gram grams grama gramas", 1, "g"),
        ("kg kilo kilos kilogram kilograms kilogramme kilogrammes quilo quilos quilograma quilogramas", 1000, "g"),
        ("tonne tonnes tonelada toneladas", 1e6, "g"),
        ("mm millimetre millimetres millimeter millimeters milimetro milimetros", 0.001, "m"),
        ("cm centimetre centimetres centimeter centimeters centimetro centimetros", 0.01, "m"),
        ("m metre metres meter meters metro metros", 1, "m"),
        ("km kilometre kilometres kilometer kilometers quilometro quilometros", 1000, "m"),
        ("mile miles milha milhas", 1609.34, "m"),
        ("ml mililitro mililitros millilitre millilitres", 0.001, "l"),
        ("l litro litros litre litres liter liters", 1, "l"),
        ("euro euros eur €", 1, "EUR"),
        ("pound pounds libra libras gbp £", 1, "GBP"),
        ("pence penny", 0.01, "GBP"),
        ("dollar dollars dolar dolares usd us$ $", 1, "USD"),
        ("real reais brl r$", 1, "BRL"),
        ("franc francs franco francos chf", 1, "CHF"),
        ("kroner krone kronor", 1, "DKK"),
        ("hectare hectares", 10_000, "m2"),
        ("acre acres", 4046.86, "m2"),
        ("centavo centavos", 0.01, "BRL"),
        ("percent", 0.01, "part"),
    )
    for word in words.split()
}
ONE_OF = frozenset(
    ("decade", "decada", "century", "seculo", "trimestre", "bimestre")
)  # not behind a number but 1, unless with a hyphen
SCALE = {
    word: 10.0**zeros
    for words, zeros in (
        ("thousand mil", 3), ("million milhao milhoes", 6), ("billion bilhao bilhoes", 9),
        ("trillion trilhao trilhoes", 12),
    )
    for word in words.split()
}  # fmt: skip
SCALE_OF_MONEY = {"mi": 1e6, "bi": 1e9, "tri": 1e12}  # behind a sign of money alone: "R$ 2,5 bi"
PARTS = {
    "half": 0.5, "halves": 0.5, "metade": 0.5, "meio": 0.5, "meia": 0.5, "quarter": 0.25, "quarters": 0.25,
    "quarto": 0.25, "quartos": 0.25, "third": 1 / 3, "thirds": 1 / 3, "terco": 1 / 3, "tercos": 1 / 3,
}  # fmt: skip
# Parts that are also places in an order ("fifth"): only behind a number, or before "of".
SMALL_PARTS = {
    word: 1 / under
    for words, under in (
        ("fifth fifths quinto quintos quinta", 5), ("sixth sixths sexto sextos sexta", 6),
        ("seventh sevenths setimo setimos setima", 7), ("eighth eighths oitavo oitavos oitava", 8),
        ("ninth ninths nono nonos nona", 9), ("tenth tenths decimo decimos decima", 10),
        ("hundredth hundredths centesimo centesimos centesima", 100),
    )
    for word in words.split()
}  # fmt: skip


def _numbered(*groups: str) -> dict[str, int]:
    """The words of each group with its number, from 1."""
    return {word: number for number, words in enumerate(groups, 1) for word in words.split()}


ORDINALS = _numbered(
    "first primeiro primeira", "", "terceiro terceira", "fourth", "fifth quinto", "sixth sexto", "seventh setimo",
    "eighth oitavo", "ninth nono", "tenth decimo",
)  # fmt: skip
# Those that a century has besides; alone they are too often something else ("a second", "a third").
CENTURIES = _numbered(
    "first primeiro", "second segundo", "third terceiro", "fourth quarto", "fifth quinto", "sixth sexto",
    "seventh setimo", "eighth oitavo", "ninth nono", "tenth decimo", "eleventh", "twelfth", "thirteenth", "fourteenth",
    "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth", "twenty-first",
)  # fmt: skip
_PLACES = _numbered("", "", "terca", "quarta", "quinta", "sexta", "setima", "oitava", "nona", "decima")
OF_PARTS = {word: 1 / under for word, under in _PLACES.items()}  # "a quinta parte"
_TENS = _numbered("", "twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties")
DECADES = {word: 10 * number for word, number in _TENS.items()}

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
        ("month months mes meses", 1, "month"),
        ("year years ano anos", 12, "month"),
        ("mg", 0.001, "g"),
        ("g gram grams grama gramas", 1, "g"),
        ("kg kilo kilos quilo quilos", 1000, "g"),
        ("tonne tonnes tonelada toneladas", 1e6, "g"),
        ("mm", 0.001, "m"),
        ("cm", 0.01, "m"),
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
        ("percent", 0.01, "part"),
    )
    for word in words.split()
}
SCALE = {"thousand": 1e3, "mil": 1e3, "million": 1e6, "milhao": 1e6, "milhoes": 1e6, "billion": 1e9, "bilhoes": 1e9}
PARTS = {
    "half": 0.5, "halves": 0.5, "metade": 0.5, "meio": 0.5, "meia": 0.5, "quarter": 0.25, "quarters": 0.25,
    "quarto": 0.25, "quartos": 0.25, "third": 1 / 3, "thirds": 1 / 3, "terco": 1 / 3, "tercos": 1 / 3,
}  # fmt: skip

"""Small plots as SVG: no library, no script, no colour that says what a shape or a word does not.

Every text goes through `Markup.format`, which escapes it. Colours are classes of the page's style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

WIDTH, HEIGHT = 460, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 40
INNER_WIDTH, INNER_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
_ROW = 26


def svg(parts: Sequence[Markup], *, label: str, height: int = HEIGHT) -> Markup:
    """A picture of these parts; `label` says in words what it shows."""
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, label, Markup("\n").join(parts)
    )


def text(x: float, y: float, shown: object, *, anchor: str = "middle", kind: str = "tick") -> Markup:
    """A text at a place; `anchor` says which end of it."""
    form = Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    return form.format(kind, x, y, anchor, shown)


def line(x1: float, y1: float, x2: float, y2: float, *, kind: str) -> Markup:
    """A straight line."""
    form = Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>')
    return form.format(kind, x1, y1, x2, y2)


def y_of(share: float) -> float:
    """The height at which a share from 0 to 1 of the axis stands."""
    return TOP + INNER_HEIGHT * (1 - share)


def _begin(lowest: float) -> float:
    """Where an axis of shares begins, so that what is near 100 % is told apart: a fifth of the way, 80 % at most.

    >>> _begin(0.97), _begin(0.31), _begin(0.0)
    (0.8, 0.2, 0.0)
    """
    return math.floor(min(0.8, lowest) * 5 + 1e-9) / 5


def _ticks(begin: float) -> list[tuple[float, str]]:
    """Places on an axis from `begin` to 1, as shares of its length, with their labels."""
    return [(step / 4, f"{begin + (1 - begin) * step / 4:.0%}") for step in range(5)]


def curves(series: Mapping[str, Sequence[float]], *, label: str, x_label: str) -> Markup:
    """A line of shares for each series, over 1, 2, 3, ...; at most six lines are told apart by their dashes."""
    begin = _begin(min(min(values) for values in series.values()))
    parts = []
    for height, name in _ticks(begin):
        parts.append(line(LEFT, y_of(height), WIDTH - RIGHT, y_of(height), kind="grid"))
        parts.append(text(LEFT - 6, y_of(height) + 4, name, anchor="end"))
    longest = max(len(values) for values in series.values())
    step = INNER_WIDTH / max(1, longest - 1)
    for at in range(longest):
        if longest <= 12 or at == 0 or (at + 1) % (longest // 10) == 0:
            parts.append(text(LEFT + at * step, HEIGHT - BOTTOM + 16, at + 1))
    for number, values in enumerate(series.values()):
        heights = [y_of((value - begin) / (1 - begin)) for value in values]
        points = " ".join(f"{LEFT + at * step:.1f},{height:.1f}" for at, height in enumerate(heights))
        parts.append(Markup('<polyline class="line s{}" points="{}"/>').format(number % 6, points))
    parts.append(text(LEFT + INNER_WIDTH / 2, HEIGHT - 6, x_label, kind="axis"))
    return svg([*parts, *legend(list(series), y=y_of(0.0) - 10)], label=label)


def legend(names: Sequence[str], *, y: float) -> list[Markup]:
    """Names with a sample of their line, right-aligned, the last at the bottom."""
    parts: list[Markup] = []
    for number, name in enumerate(names[:6]):
        at = y - 16 * (min(len(names), 6) - 1 - number)
        end = WIDTH - RIGHT - 34
        shown = name if len(name) <= 40 else name[:39] + "…"
        parts.append(line(end + 6, at - 4, end + 30, at - 4, kind=f"line s{number % 6}"))
        parts.append(text(end, at, shown, anchor="end", kind="legend"))
    return parts


def bars(counts: Mapping[str, int], *, label: str, x_label: str, marked: str = "") -> Markup:
    """A bar for each count, with the count above it; the bar named `marked` looks different."""
    most = max([1, *counts.values()])
    room = INNER_WIDTH / len(counts)
    parts = [line(LEFT, y_of(0.0), WIDTH - RIGHT, y_of(0.0), kind="grid")]
    for at, (name, count) in enumerate(counts.items()):
        top = y_of(0.92 * count / most)
        middle = LEFT + (at + 0.5) * room
        form = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
        kind = "bar miss" if name == marked else "bar"
        parts.append(form.format(kind, middle - 0.4 * room, top, 0.8 * room, y_of(0.0) - top))
        parts.append(text(middle, top - 4, count))
        parts.append(text(middle, HEIGHT - BOTTOM + 16, name))
    parts.append(text(LEFT + INNER_WIDTH / 2, HEIGHT - 6, x_label, kind="axis"))
    return svg(parts, label=label)


def spans(rows: Sequence[tuple[str, float, float, float]], *, label: str) -> Markup:
    """A point with its interval on each row: name, value, low, high, all shares."""
    left, height = 172, TOP + _ROW * len(rows) + 24
    begin = _begin(min(low for _, _, low, _ in rows))

    def x(share: float) -> float:
        return left + (WIDTH - left - 60) * (share - begin) / (1 - begin)

    parts = []
    for along, name in _ticks(begin)[::2]:
        at = left + (WIDTH - left - 60) * along
        parts.append(line(at, TOP, at, height - 24, kind="grid"))
        parts.append(text(at, height - 8, name))
    for row, (name, value, low, high) in enumerate(rows):
        y = TOP + _ROW * (row + 0.5)
        shown = name if len(name) <= 24 else "…" + name[-23:]
        parts.append(text(left - 12, y + 4, shown, anchor="end", kind="legend"))
        parts.append(line(x(low), y, x(high), y, kind="whisker"))
        parts.append(Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4.5"/>').format(x(value), y))
        parts.append(text(WIDTH - 4, y + 4, f"{value:.3f}", anchor="end", kind="legend"))
    return svg(parts, label=label, height=height)


def distributions(groups: Mapping[str, Sequence[float]], *, label: str, x_label: str, bins: int = 24) -> Markup:
    """For each group, the share of its values that fall in each of `bins` equal steps, one strip above the other."""
    filled = {name: values for name, values in groups.items() if values}
    low = min(min(values) for values in filled.values())
    high = max(max(values) for values in filled.values())
    width = (high - low) or 1.0
    strip = 62
    height = TOP + strip * len(filled) + BOTTOM
    parts: list[Markup] = []
    for number, (name, values) in enumerate(filled.items()):
        counts = [0] * bins
        for value in values:
            counts[min(bins - 1, int((value - low) / width * bins))] += 1
        base = TOP + strip * (number + 1) - 6
        parts.append(line(LEFT, base, WIDTH - RIGHT, base, kind="grid"))
        for at, count in enumerate(counts):
            tall = 40 * count / max(counts)
            form = Markup('<rect class="bar g{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
            x = LEFT + at * INNER_WIDTH / bins
            parts.append(form.format(number % 3, x + 0.5, base - tall, INNER_WIDTH / bins - 1, tall))
        parts.append(text(LEFT, base - 44, f"{name} ({len(values)})", anchor="start", kind="legend"))
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        anchor = "end" if share == 1.0 else "middle"
        x = LEFT + share * INNER_WIDTH
        parts.append(text(x, height - BOTTOM + 12, f"{low + share * width:.2f}", anchor=anchor))
    parts.append(text(LEFT + INNER_WIDTH / 2, height - 6, x_label, kind="axis"))
    return svg(parts, label=label, height=height)

"""The plots of what a confidence is worth, drawn as the others are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from lastro.evaluation import plots
from lastro.evaluation.answers.ranking import Bin, Point
from lastro.evaluation.plots import HEIGHT, legend, line, svg, text, y_of

_COUNTS = 34  # height of the strip of counts under a reliability diagram


def risk_coverage_plot(series: Mapping[str, Sequence[Point]], *, label: str) -> Markup:
    """A line for each series: the share of wrong answers over the share of questions answered, a dot where it ends."""
    parts = [
        *_grid(),
        *_across(HEIGHT - plots.BOTTOM + 16, "share of questions answered, the surest first", HEIGHT - 6),
    ]
    for number, points in enumerate(series.values()):
        drawn = " ".join(f"{_x(point.coverage):.1f},{y_of(point.risk):.1f}" for point in points)
        form = Markup('<polyline class="line s{}" points="{},{:.1f} {}"/>')
        parts.append(form.format(number % 6, f"{_x(0.0):.1f}", y_of(points[0].risk), drawn))
        parts.append(_dot(_x(points[-1].coverage), y_of(points[-1].risk), f"end s{number % 6}"))
    high = sum(point.risk > 0.55 for points in series.values() for point in points)
    low = sum(point.risk < 0.45 for points in series.values() for point in points)
    names = list(series)
    at = y_of(0.0) - 10 if high > low else plots.TOP + 12 + 16 * (min(len(names), 6) - 1)
    return svg([*parts, *legend(names, y=at)], label=label)


def reliability_plot(bins: Sequence[Bin], *, label: str) -> Markup:
    """A dot for each bin at its confidence and share of right answers, with its interval; counts in a strip below."""
    bottom = HEIGHT + _COUNTS + 8
    parts = [*_grid(), *_across(HEIGHT - plots.BOTTOM + 16, "confidence; below, answers of each", bottom - 4)]
    parts.append(line(_x(0.0), y_of(0.0), _x(1.0), y_of(1.0), kind="even"))
    most = max((one.answers for one in bins), default=1)
    base = HEIGHT - plots.BOTTOM + 24 + _COUNTS
    for one in bins:
        at = _x(one.confidence)
        parts.append(line(at, y_of(one.low), at, y_of(one.high), kind="whisker"))
        parts.append(_dot(at, y_of(one.right), "dot"))
        tall = max(1.0, (_COUNTS - 12) * one.answers / most)
        form = Markup('<rect class="bar" x="{:.1f}" y="{:.1f}" width="10" height="{:.1f}"/>')
        parts.append(form.format(at - 5, base - tall, tall))
        parts.append(text(at, base - tall - 2, one.answers, kind="count"))
    return svg(parts, label=label, height=bottom)


def _x(share: float) -> float:
    return plots.LEFT + plots.INNER_WIDTH * share


def _grid() -> list[Markup]:
    parts = []
    for step in range(5):
        height = y_of(step / 4)
        parts.append(line(plots.LEFT, height, plots.WIDTH - plots.RIGHT, height, kind="grid"))
        parts.append(text(plots.LEFT - 6, height + 4, f"{step / 4:.0%}", anchor="end"))
    parts.append(line(plots.LEFT, plots.TOP, plots.LEFT, plots.TOP + plots.INNER_HEIGHT, kind="grid"))
    return parts


def _across(y: float, name: str, name_y: float) -> list[Markup]:
    """The labels of a horizontal axis of shares, and its name."""
    parts = [text(_x(step / 4), y, f"{step / 4:.0%}", anchor="end" if step == 4 else "middle") for step in range(5)]
    return [*parts, text(plots.LEFT + plots.INNER_WIDTH / 2, name_y, name, kind="axis")]


def _dot(x: float, y: float, kind: str) -> Markup:
    return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4.5"/>').format(kind, x, y)

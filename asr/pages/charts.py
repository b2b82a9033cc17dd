"""Charts as SVG, to stand inside a page: histograms, intervals, scatters, waveforms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from asr.pages.axes import Axis, linear_axis, log_axis
from asr.pages.markup import escape

_WIDTH, _HEIGHT, _MARGIN = 440, 160, 26
_BINS = 30
_CHARACTER = 7.0  # pixels, about, at the style's 12
_ROW = 22
_LINE = 14  # pixels between two names
_LONGEST_NAME = 44  # characters


@dataclass(frozen=True)
class IntervalPoint:
    """A named value with its interval, if it has one."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    is_marked: bool = False


@dataclass(frozen=True)
class ScatterPoint:
    """A named point; x is above 0."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Line:
    """A named series of points; `points` are joined in their order, each with words of its own."""

    name: str
    points: Sequence[ScatterPoint]
    is_marked: bool = False


@dataclass(frozen=True)
class Curve:
    """A function of x, drawn as a line; `marked` is the point that is set off, if any."""

    name: str
    points: Sequence[tuple[float, float]]
    has_dots: bool = False
    marked: int | None = None


def histogram_svg(values: Sequence[float] | np.ndarray, title: str, unit: str) -> str:
    """Draw a histogram; what lies above the 99.5th percentile is counted in the last bar."""
    values = np.asarray(values, dtype=float)
    if not len(values):
        return f"<p>{escape(title)}: nothing to show.</p>"
    top = float(np.quantile(values, 0.995)) or 1.0
    low = min(float(values.min()), 0.0)
    counts, edges = np.histogram(np.minimum(values, top), bins=_BINS, range=(low, top))
    parts = []
    step = _WIDTH / _BINS
    for index, count in enumerate(counts.tolist()):
        height = _HEIGHT * count / max(counts.max(), 1)
        tooltip = f"{edges[index]:.2f} to {edges[index + 1]:.2f} {unit}: {count}"
        parts.append(
            f'<rect class="bar" x="{index * step:.1f}" y="{_HEIGHT - height:.1f}"'
            f' width="{step - 1:.1f}" height="{height:.1f}"><title>{escape(tooltip)}</title></rect>'
        )
    for x, anchor, value in ((0, "start", low), (0.5, "middle", (low + top) / 2), (1, "end", top)):
        text = f"{value:.1f} {unit}" + (" and more" if anchor == "end" else "")
        parts.append(_text(x * _WIDTH, _HEIGHT + 18, text, anchor))
    return _svg(_WIDTH, _HEIGHT + _MARGIN, title, parts)


def intervals_svg(points: Sequence[IntervalPoint], title: str, label: str) -> str:
    """Draw one row a point, a dot in its interval, over an axis from 0 that `label` names."""
    names = [_short(point.name) for point in points]
    left = max((len(name) for name in names), default=0) * _CHARACTER + 12
    width, bottom = left + 400.0, 10.0 + _ROW * len(points)
    ends = [point.value if point.high is None else point.high for point in points]
    axis = linear_axis([*ends, *(point.value for point in points)], left, width - 24)
    parts = [*_vertical_grid(axis, 6.0, bottom), _text(
        (axis.start + axis.stop) / 2, bottom + 36, label, "middle"
    )]  # fmt: skip
    for index, (name, point) in enumerate(zip(names, points, strict=True)):
        y = 10.0 + _ROW * (index + 0.5)
        parts.append(_text(left - 8, y + 4, name, "end", "name"))
        parts.append(_interval(point, axis, y))
    return _svg(width, bottom + 44, title, parts)


def _interval(point: IntervalPoint, axis: Axis, y: float) -> str:
    words = f"{point.name}: {point.value:.2f}"
    line = ""
    if point.low is not None and point.high is not None:
        words += f" [{point.low:.2f}, {point.high:.2f}]"
        ends = (axis.position(point.low), axis.position(point.high))
        line = "".join(
            f'<line class="interval" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y - up:.1f}"'
            f' y2="{y + up:.1f}"></line>'
            for x1, x2, up in ((*ends, 0), (ends[0], ends[0], 4), (ends[1], ends[1], 4))
        )
    dot = _dot(axis.position(point.value), y, point.is_marked)
    return f"<g><title>{escape(words)}</title>{line}{dot}</g>"


def lines_svg(lines: Sequence[Line], title: str, x_label: str, y_label: str) -> str:
    """Draw series of points, joined, over axes from 0.

    Names stand beside the points where there is room, that of the series with its last one.
    """
    width, height, left, bottom = 560.0, 360.0, 52.0, 310.0
    points = [point for line in lines for point in line.points]
    x_axis = linear_axis([point.x for point in points], left, width - 20)
    y_axis = linear_axis([point.y for point in points], bottom, 16)
    parts = _frame(x_axis, y_axis, x_label, y_label, height)
    names: list[str] = []
    places: list[tuple[float, float]] = []
    ends: list[int] = []  # whose names are placed first
    for line in lines:
        kind = "line marked" if line.is_marked else "line"
        own = [(x_axis.position(one.x), y_axis.position(one.y)) for one in line.points]
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in own)
        parts.append(f'<polyline class="{kind}" points="{corners}"></polyline>')
        for point, (x, y) in zip(line.points, own, strict=True):
            words = f"{line.name}, {point.name}: {x_label} {point.x:.4g}, {y_label} {point.y:.2f}"
            dot = _dot(x, y, line.is_marked)
            parts.append(f"<g><title>{escape(words)}</title>{dot}</g>")
        places += own
        *before, last = (point.name for point in line.points)
        names += [*before, _short(f"{line.name}, {last}")]
        ends.append(len(names) - 1)
    parts += _names(names, places, ends, width)
    return _svg(width, height, title, parts)


def curves_svg(curves: Sequence[Curve], title: str, x_label: str, y_label: str) -> str:
    """Draw curves over axes from 0; where there are several, each with its name at its end."""
    width, height, left, bottom = 560.0, 360.0, 52.0, 310.0
    points = [point for curve in curves for point in curve.points]
    x_axis = linear_axis([x for x, _ in points], left, width - 60)
    y_axis = linear_axis([y for _, y in points], bottom, 16)
    parts = _frame(x_axis, y_axis, x_label, y_label, height)
    ends: list[tuple[float, float, str]] = []
    for curve in curves:
        kind = "line marked" if curve.has_dots else "line"
        places = [(x_axis.position(x), y_axis.position(y)) for x, y in curve.points]
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="{kind}" points="{corners}"></polyline>')
        for index, ((x, y), place) in enumerate(zip(curve.points, places, strict=True)):
            if curve.has_dots:
                words = f"{curve.name}: {x_label} {x:g}, {y_label} {y:.4g}"
                dot = _dot(*place, index == curve.marked)
                parts.append(f"<g><title>{escape(words)}</title>{dot}</g>")
        ends.append((*places[-1], curve.name))
    lowest = bottom + _LINE
    for x, y, name in sorted(ends, key=lambda end: -end[1]) if len(curves) > 1 else ():
        lowest = min(y, lowest - _LINE)  # names do not meet
        parts.append(_text(x + 8, lowest + 4, name, "start", "name"))
    return _svg(width, height, title, parts)


def scatter_svg(
    points: Sequence[ScatterPoint], front: Sequence[int], title: str, x_label: str, y_label: str
) -> str:
    """Draw points over a logarithmic x axis; those in `front` are marked and joined.

    A name stands beside its point where there is room for it, those of the front first; the others
    are told when the pointer rests on them.

    Args:
        front: indices into `points`, by ascending x.
    """
    width, height, left, bottom = 560.0, 360.0, 52.0, 310.0
    x_axis = log_axis([point.x for point in points], left, width - 20)
    y_axis = linear_axis([point.y for point in points], bottom, 16)
    places = [(x_axis.position(point.x), y_axis.position(point.y)) for point in points]
    parts = _frame(x_axis, y_axis, x_label, y_label, height)
    if len(front) > 1:
        corners = " ".join(f"{places[index][0]:.1f},{places[index][1]:.1f}" for index in front)
        parts.append(f'<polyline class="front" points="{corners}"></polyline>')
    for index, (point, (x, y)) in enumerate(zip(points, places, strict=True)):
        words = f"{point.name}: {x_label} {point.x:.4g}, {y_label} {point.y:.2f}"
        parts.append(f"<g><title>{escape(words)}</title>{_dot(x, y, index in front)}</g>")
    parts += _names([_short(point.name) for point in points], places, front, width)
    return _svg(width, height, title, parts)


def _frame(x_axis: Axis, y_axis: Axis, x_label: str, y_label: str, height: float) -> list[str]:
    """Return the grid and the labels of a chart with two axes; the y axis starts at its bottom."""
    left, right, bottom = x_axis.start, x_axis.stop, y_axis.start
    return [
        *_vertical_grid(x_axis, 16, bottom),
        *_horizontal_grid(y_axis, left, right),
        _text((left + right + 20) / 2, height - 8, x_label, "middle"),
        f'<text transform="translate(14 {bottom / 2:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text>",
    ]


def _names(
    names: Sequence[str],
    places: Sequence[tuple[float, float]],
    front: Sequence[int],
    width: float,
) -> Iterator[str]:
    """Place names right, left, above or below their points, without two of them meeting."""
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in places]
    for index in [*front, *(i for i in range(len(names)) if i not in front)]:
        x, y = places[index]
        length = len(names[index]) * _CHARACTER
        for at_x, at_y in (
            (x + 8, y + 4),
            (x - 8 - length, y + 4),
            (x - length / 2, y - 9),
            (x - length / 2, y + 18),
            (x + 8, y - 9),
            (x + 8, y + 18),
            (x - 8 - length, y - 9),
            (x - 8 - length, y + 18),
        ):
            box = (at_x, at_y - 10, at_x + length, at_y + 3)
            is_inside = box[0] > 52 and box[2] < width and box[1] > 2 and box[3] < 312
            own = taken[index]
            if is_inside and not any(_meet(box, other) for other in taken if other is not own):
                taken.append(box)
                yield _text(at_x, at_y, names[index], "start", "name")
                break


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def pareto_front(points: Sequence[ScatterPoint]) -> list[int]:
    """Return the points that no other one beats: none is lower in one and not higher in the other.

    Returns:
        Indices by ascending x.
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (points[i].x, points[i].y, i)):
        if not front or points[index].y < points[front[-1]].y:
            front.append(index)
    return front


def waveform_svg(samples: np.ndarray, title: str, columns: int = 160) -> str:
    """Draw the lowest and highest sample of each of `columns` stretches of samples (N,)."""
    height = 40.0
    count = max(1, min(columns, len(samples)))
    stretches = np.array_split(np.asarray(samples, dtype=float), count)
    highest = [float(stretch.max(initial=0.0)) for stretch in stretches]
    lowest = [float(stretch.min(initial=0.0)) for stretch in stretches]
    scale = (height / 2 - 1) / (max(*highest, *(-low for low in lowest), 1e-6))
    upper = [f"{x},{height / 2 - scale * high:.1f}" for x, high in enumerate(highest)]
    lower = [f"{x},{height / 2 - scale * low:.1f}" for x, low in enumerate(lowest)]
    outline = " ".join([*upper, *reversed(lower)])
    shape = f'<polygon class="wave" points="{outline}"></polygon>'
    return _svg(max(count - 1, 1), height, title, [shape], ' preserveAspectRatio="none"')


def _svg(
    width: float, height: float, title: str, parts: Sequence[str], attributes: str = ""
) -> str:
    label = escape(title)
    return (
        f'<svg width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' role="img" aria-label="{label}"{attributes}>'
        f"<title>{label}</title>{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str, name: str = "") -> str:
    style = f' class="{name}"' if name else ""
    return f'<text{style} x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'


def _dot(x: float, y: float, is_marked: bool) -> str:
    name = "dot marked" if is_marked else "dot"
    return f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"></circle>'


def _vertical_grid(axis: Axis, top: float, bottom: float) -> Iterator[str]:
    for tick in axis.ticks:
        x = axis.position(tick)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"></line>'
        yield _text(x, bottom + 16, f"{tick:g}", "middle")
    yield (
        f'<line class="axis" x1="{axis.start}" x2="{axis.stop}" y1="{bottom}" y2="{bottom}"></line>'
    )


def _horizontal_grid(axis: Axis, left: float, right: float) -> Iterator[str]:
    for tick in axis.ticks:
        y = axis.position(tick)
        yield f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"></line>'
        yield _text(left - 6, y + 4, f"{tick:g}", "end")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"

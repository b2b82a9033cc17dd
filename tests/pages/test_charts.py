"""Axes, and charts read back from their SVG."""

from __future__ import annotations

import random
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from asr.pages.axes import linear_axis, log_axis
from asr.pages.charts import (
    IntervalPoint,
    Line,
    ScatterPoint,
    histogram_svg,
    intervals_svg,
    lines_svg,
    pareto_front,
    scatter_svg,
    waveform_svg,
)


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


@pytest.mark.parametrize(
    ("top", "ticks"),
    [
        (9.99, (0, 2, 4, 6, 8, 10)),
        (6.0, (0, 1, 2, 3, 4, 5, 6)),
        (0.13, (0, 0.05, 0.1, 0.15)),
        (340, (0, 100, 200, 300, 400)),
        (0.0, (0, 0.2, 0.4, 0.6, 0.8, 1)),
    ],
)
def test_linear_ticks_are_round_and_reach_the_largest_value(
    top: float, ticks: tuple[float, ...]
) -> None:
    axis = linear_axis([top / 2, top], 10, 110)
    assert axis.ticks == pytest.approx(ticks)
    assert axis.position(0) == 10
    assert axis.position(axis.high) == 110


@pytest.mark.parametrize("seed", range(20))
def test_log_axis_holds_its_values(seed: int) -> None:
    generator = random.Random(seed)
    values = [10 ** generator.uniform(-5, 2) for _ in range(generator.randint(1, 6))]
    axis = log_axis(values, 0, 100)
    assert all(-1e-6 <= axis.position(value) <= 100 + 1e-6 for value in values)
    assert 2 <= len(axis.ticks) <= 10
    assert list(axis.ticks) == sorted(axis.ticks)
    middle = (axis.low * axis.high) ** 0.5
    assert axis.position(middle) == pytest.approx(50)


def test_log_ticks() -> None:
    assert log_axis([0.0016, 0.0091], 0, 1).ticks == pytest.approx((0.001, 0.002, 0.005, 0.01))
    assert log_axis([0.0003, 2], 0, 1).ticks == pytest.approx((0.0001, 0.001, 0.01, 0.1, 1, 10))
    assert log_axis([0.1], 0, 1).ticks == pytest.approx((0.1, 0.2))


def test_intervals_lie_where_the_ticks_say() -> None:
    points = [IntervalPoint("a <b>", 2.0, 1.0, 4.0, True), IntervalPoint("c", 6.0)]
    svg = parse(intervals_svg(points, "title", "WER %"))
    texts = {text.text: float(text.get("x", "")) for text in svg.iter("text")}
    first, second = svg.iter("circle")
    assert float(first.get("cx", "")) == pytest.approx(texts["2"], abs=1)
    assert float(second.get("cx", "")) == pytest.approx(texts["6"], abs=1)
    assert (first.get("class"), second.get("class")) == ("dot marked", "dot")
    line = next(item for item in svg.iter("line") if item.get("class") == "interval")
    ends = [float(line.get(name, "")) for name in ("x1", "x2")]
    assert ends == pytest.approx([texts["1"], texts["4"]], abs=1)
    assert {"a <b>", "WER %"} <= texts.keys()
    assert "a <b>: 2.00 [1.00, 4.00]" in [title.text for title in svg.iter("title")]


def test_scatter_names_points_apart_from_each_other() -> None:
    points = [ScatterPoint(f"system-{index}", 0.01, 5.0 + index / 100) for index in range(30)]
    front = pareto_front(points)
    svg = parse(scatter_svg(points, front, "title", "x", "y"))
    names = [text for text in svg.iter("text") if text.get("class") == "name"]
    assert 1 <= len(names) < 30
    assert "system-0" in [text.text for text in names]  # the front comes first
    rows = sorted((float(text.get("x", "")), float(text.get("y", ""))) for text in names)
    for index, (x, y) in enumerate(rows):
        assert not any(abs(x - other) < 60 and abs(y - there) < 10 for other, there in rows[:index])
    assert len(list(svg.iter("circle"))) == 30
    assert sum("system-" in (title.text or "") for title in svg.iter("title")) == 30


@pytest.mark.parametrize("seed", range(20))
def test_pareto_front_equals_its_definition(seed: int) -> None:
    generator = random.Random(seed)
    points = [ScatterPoint("", generator.randint(1, 6), generator.randint(0, 6)) for _ in range(10)]
    front = pareto_front(points)

    def is_beaten(one: ScatterPoint) -> bool:
        return any(
            other.x <= one.x and other.y <= one.y and (other.x, other.y) != (one.x, one.y)
            for other in points
        )

    expected = {(point.x, point.y) for point in points if not is_beaten(point)}
    assert {(points[index].x, points[index].y) for index in front} == expected
    assert [points[index].x for index in front] == sorted(points[index].x for index in front)


def test_waveform_shows_peaks_where_they_are() -> None:
    samples = np.zeros(1600)
    samples[800], samples[1200] = 0.5, -0.25
    svg = parse(waveform_svg(samples, "w"))
    (shape,) = svg.iter("polygon")
    points = [tuple(map(float, pair.split(","))) for pair in shape.get("points", "").split()]
    assert len(points) == 320
    assert min(points, key=lambda point: point[1]) == (80, 1)
    assert max(points, key=lambda point: point[1]) == (120, 29.5)
    silence = waveform_svg(np.zeros(3), "w")
    assert set(re.findall(r",([\d.-]+)", silence)) <= {"20.0", "-0.0"}


def test_histogram_without_values_says_so() -> None:
    assert histogram_svg([], "Durations", "s") == "<p>Durations: nothing to show.</p>"


def test_lines_join_their_points_in_order() -> None:
    lines = [
        Line("first", [ScatterPoint("long", 400, 2), ScatterPoint("short", 100, 8)]),
        Line("second", [ScatterPoint("long", 400, 1), ScatterPoint("short", 100, 4)], True),
    ]
    svg = parse(lines_svg(lines, "a chart", "delay", "WER %"))
    first, second = svg.findall("polyline")
    assert (first.get("class"), second.get("class")) == ("line", "line marked")
    corners = [tuple(map(float, pair.split(","))) for pair in (first.get("points") or "").split()]
    assert corners[0][0] > corners[1][0]
    assert corners[0][1] > corners[1][1]  # down is less
    dots = [(dot.get("cx"), dot.get("cy")) for dot in svg.iter("circle")]
    assert dots[:2] == [(f"{x}", f"{y}") for x, y in corners]
    texts = [text.text for text in svg.iter("text")]
    assert {"first, short", "second, short", "long", "delay", "WER %"} <= set(texts)
    assert "second, short: delay 100, WER % 4.00" in [title.text for title in svg.iter("title")]

"""How the models behind the results were trained: loss and error rate on dev over the steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asr.errors import UserError
from asr.files import read_jsonl_log
from asr.pages.charts import Curve, curves_svg
from asr.pages.markup import escape, figure

_MOST_POINTS = 300  # of a curve; beyond that it shows means of as many steps


def render_trainings(exp_root: Path, experiments: Iterable[str]) -> str:
    """Return the curves of each experiment that has `metrics.jsonl`; empty where none has.

    Raises:
        UserError: a line of such a file is damaged.
    """
    return "".join(
        _render(experiment, exp_root / experiment / "metrics.jsonl")
        for experiment in dict.fromkeys(experiments)
    )


def _render(experiment: str, path: Path) -> str:
    try:
        rows = read_jsonl_log(path)
    except ValueError as error:
        raise UserError(f"not valid JSON ({error})", where=str(path)) from error
    train = [row for row in rows if row.get("kind") == "train"]
    dev = [row for row in rows if row.get("kind") == "dev"]
    losses = [
        Curve(name, _thinned(points), has_dots=name == "dev")
        for name, points in (("train", _points(train, "loss")), ("dev", _points(dev, "loss")))
        if points
    ]
    errors = [(step, 100 * rate) for step, rate in _points(dev, "wer")]
    charts = []
    if losses:
        title = f"Loss of {experiment}"
        told = f"{title}, nats a label; of training steps the mean of those between two points"
        charts.append(figure(told, curves_svg(losses, title, "step", "loss")))
    if errors:
        title = f"Greedy error rate of {experiment} on dev"
        best = min(errors, key=lambda point: point[1])
        told = f"{title} while it was trained; the lowest is {best[1]:.2f} % after step {best[0]:g}"
        curve = Curve("dev", errors, has_dots=True, marked=errors.index(best))
        charts.append(figure(told, curves_svg([curve], title, "step", "error rate, %")))
    if not charts:
        return ""
    return f'<h3>{escape(experiment)}</h3><div class="charts">{"".join(charts)}</div>'


def _points(rows: Sequence[dict[str, Any]], key: str) -> list[tuple[float, float]]:
    """Return (step, value) of the rows that have a finite value."""
    found = ((row.get("step"), row.get(key)) for row in rows)
    return [
        (float(step), float(value))
        for step, value in found
        if isinstance(step, int | float) and isinstance(value, int | float) and math.isfinite(value)
    ]


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return means of stretches of equally many points, where there are too many to draw."""
    stretches = np.array_split(np.asarray(points), min(len(points), _MOST_POINTS))
    return [(float(mean[0]), float(mean[1])) for mean in (part.mean(axis=0) for part in stretches)]

"""Histograms as SVG, to stand inside a page."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

_WIDTH, _HEIGHT, _MARGIN = 440, 160, 26
_BINS = 30


def histogram_svg(values: Sequence[float] | np.ndarray, title: str, unit: str) -> str:
    """Draw a histogram; what lies above the 99.5th percentile is counted in the last bar."""
    values = np.asarray(values, dtype=float)
    if not len(values):
        return f"<p>{html.escape(title)}: nothing to show.</p>"
    top = float(np.quantile(values, 0.995)) or 1.0
    low = min(float(values.min()), 0.0)
    counts, edges = np.histogram(np.minimum(values, top), bins=_BINS, range=(low, top))
    label = html.escape(title)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + _MARGIN}" role="img" aria-label="{label}">',
        f"<title>{label}</title>",
    ]
    step = _WIDTH / _BINS
    for index, count in enumerate(counts.tolist()):
        height = _HEIGHT * count / max(counts.max(), 1)
        tooltip = f"{edges[index]:.2f} to {edges[index + 1]:.2f} {unit}: {count}"
        parts.append(
            f'<rect x="{index * step:.1f}" y="{_HEIGHT - height:.1f}" width="{step - 1:.1f}"'
            f' height="{height:.1f}"><title>{html.escape(tooltip)}</title></rect>'
        )
    for x, anchor, value in ((0, "start", low), (0.5, "middle", (low + top) / 2), (1, "end", top)):
        text = f"{value:.1f} {unit}" + (" and more" if anchor == "end" else "")
        parts.append(
            f'<text x="{x * _WIDTH:.0f}" y="{_HEIGHT + 18}" text-anchor="{anchor}">'
            f"{html.escape(text)}</text>"
        )
    return "".join([*parts, "</svg>"])

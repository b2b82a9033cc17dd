"""Spectrograms of what augmentation does, one under the other."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from asr.files import atomic_writer

_DYNAMIC_RANGE_DB = 80.0


def can_draw() -> bool:
    """Return whether matplotlib, an optional package, is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw_spectrograms(path: Path, panels: dict[str, np.ndarray], rate: int) -> None:
    """Draw samples (N,) by their titles as spectrograms, atomically, as PNG.

    The grey scale is shared: the loudest cell of all panels is its top.
    """
    levels = {title: spectrogram_db(samples, rate) for title, samples in panels.items()}
    top = max(float(level.max()) for level in levels.values())
    images = {title: (level, rate / 2000) for title, level in levels.items()}
    _draw(path, images, "kHz", top - _DYNAMIC_RANGE_DB, top)


def draw_features(path: Path, panels: dict[str, np.ndarray]) -> None:
    """Draw log filter banks (T, F) by their titles, atomically, as PNG."""
    images = {title: (features.T, float(features.shape[1])) for title, features in panels.items()}
    lowest = min(float(np.percentile(image, 5)) for image, _ in images.values())
    highest = max(float(image.max()) for image, _ in images.values())
    _draw(path, images, "mel bin", lowest, highest)


def spectrogram_db(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return the power spectrogram in decibels, (bins, frames): 25 ms windows every 10 ms."""
    length, shift = round(0.025 * rate), round(0.01 * rate)
    padded = np.pad(samples, (length // 2, length))
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)[: len(samples) : shift]
    power = np.abs(np.fft.rfft(windows * np.hanning(length), axis=1)) ** 2
    return 10.0 * np.log10(power.T + 1e-10)


def _draw(
    path: Path, images: dict[str, tuple[np.ndarray, float]], unit: str, low: float, high: float
) -> None:
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    figure = Figure(figsize=(7.0, 0.4 + 1.5 * len(images)), layout="constrained", dpi=80)
    all_axes = np.atleast_1d(figure.subplots(len(images), 1, sharex=True))
    for axes, (title, (image, top)) in zip(all_axes, images.items(), strict=True):
        extent = (0.0, image.shape[1] / 100.0, 0.0, top)
        axes.imshow(
            image, origin="lower", aspect="auto", cmap="gray_r", vmin=low, vmax=high, extent=extent
        )
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_ylabel(unit, fontsize=8)
        axes.tick_params(labelsize=7)
    all_axes[-1].set_xlim(0.0, max(image.shape[1] for image, _ in images.values()) / 100.0)
    all_axes[-1].set_xlabel("seconds", fontsize=8)
    with atomic_writer(path, "wb") as stream:
        figure.savefig(stream, format="png", metadata={"Software": None})

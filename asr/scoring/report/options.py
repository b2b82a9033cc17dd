"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ReportOptions:
    """What a report is made of.

    Attributes:
        results_dir: holds `<split>.json`, as `asr score` writes them.
        exp_root: holds `<experiment>/decode/<split>/<method>`.
        cuts: of a split, the file that says where its audio is; without it the file that was
            decoded, as the row shown names it.
        system: `EXPERIMENT/METHOD`, whose errors are shown; None takes the one with the lowest
            error rate on `choose_on`.
        choose_on: the split that the choice is made on.
        worst: utterances shown in full, of each split.
        max_clip_seconds: the longest stretch of an utterance that can be listened to.
        max_audio_bytes: of all audio in the page, before it is written in base64.
    """

    results_dir: Path
    exp_root: Path
    cuts: Mapping[str, Path] = field(default_factory=dict)
    system: str | None = None
    choose_on: str = "dev"
    worst: int = 20
    max_clip_seconds: float = 20.0
    max_audio_bytes: int = 10_000_000

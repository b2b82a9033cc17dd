"""Decode folders written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from asr.scoring.hypotheses import decode_folder

MakeDecode = Callable[..., Path]


@pytest.fixture
def make_decode(tmp_path: Path) -> MakeDecode:
    """Return a function that writes exp/<experiment>/decode/<split>/<method> from triples.

    A triple is (utterance id, reference, hypothesis); the speaker is the id up to the first dash.
    """

    def make(
        triples: Sequence[tuple[str, str, str]],
        experiment: str = "conformer",
        split: str = "test",
        method: str = "ctc-greedy",
        **summary: Any,
    ) -> Path:
        live = summary.get("live") or {}
        name = decode_folder(method, summary.get("chunk_size"), live.get("chunk_ms"))
        folder = tmp_path / "exp" / experiment / "decode" / split / name
        folder.mkdir(parents=True, exist_ok=True)
        rows = [
            {
                "id": utterance_id,
                "speaker": utterance_id.split("-")[0],
                "duration": 1.5,
                "reference": reference,
                "text": hypothesis,
                "score": -1.0,
                "tokens": hypothesis.split(),
                "timestamps": [],
                "nbest": [],
            }
            for utterance_id, reference, hypothesis in triples
        ]
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        (folder / "hyps.jsonl").write_text("".join(lines), encoding="utf-8")
        content: dict[str, Any] = {
            "split": split,
            "method": method,
            "options": {},
            "bundle": f"exp/{experiment}/bundle",
            "chunk_size": None,
            "parameters": 12_345_678,
            "epochs": 7.5,
            "device": "cpu",
            "num_threads": 2,
            "batch_duration": 60.0,
            "audio_seconds": 100.0,
            "decode_seconds": 2.0,
            "rtf": 0.02,
            "training_seconds": 3725.4,
            "world_size": 2,
            "training_device": "cpu",
            "git_commit": "0123456789abcdef",
            "command": "asr decode --method ctc-greedy | tee log",
            "date": "2026-11-21",
        }
        (folder / "summary.json").write_text(json.dumps({**content, **summary}))
        return folder

    return make

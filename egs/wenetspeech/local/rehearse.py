"""A tiny WenetSpeech: opus recordings of several segments each, described by WenetSpeech.json."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import soundfile

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import Spoken, lay_out, speak

RECORDINGS = {
    "train/youtube": (4, ["L", "M", "S"]),
    "train/podcast": (3, ["L"]),
    "dev/third_party": (1, ["DEV"]),
    "test_net/youtube": (1, ["TEST_NET"]),
    "test_meeting/third_party": (1, ["TEST_MEETING"]),
}
SEGMENTS_EACH = 8


def write_corpus(folder: Path) -> None:
    audios = []
    for seed, (place, (count, subsets)) in enumerate(RECORDINGS.items()):
        spoken = speak("cmn", 16000, count, SEGMENTS_EACH, seed=seed)
        for number, utterances in groupby(spoken, key=lambda utterance: utterance.speaker):
            name = f"{'Y' if 'youtube' in place else 'X'}{1000 * seed + number:010d}"
            path = folder / "audio" / place / "B00000" / f"{name}.opus"
            audio = write_recording(path, list(utterances), subsets)
            audios.append({**audio, "path": path.relative_to(folder).as_posix()})
    audios.append({**audios[0], "aid": "weak", "segments": []})
    metadata = {"dataset": "WenetSpeech", "language": "ZH", "version": "v1.0", "audios": audios}
    text = json.dumps(metadata, ensure_ascii=False, indent=4)
    (folder / "WenetSpeech.json").write_text(text, encoding="utf-8")


def write_recording(path: Path, utterances: list[Spoken], subsets: list[str]) -> dict[str, Any]:
    """Write a recording and return what the metadata say of it, its path aside."""
    samples, times = lay_out(utterances)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, utterances[0].sampling_rate, format="OGG", subtype="OPUS")
    segments = [
        {
            "sid": f"{path.stem}_S{number:05d}",
            "confidence": 1.0,
            "begin_time": round(start, 2),
            "end_time": round(end, 2),
            "subsets": subsets,
            "text": spoken.text,
        }
        for number, (spoken, (start, end)) in enumerate(zip(utterances, times, strict=True))
    ]
    duration = len(samples) / utterances[0].sampling_rate
    return {"aid": path.stem, "duration": duration, "tags": ["drama"], "segments": segments}


run_rehearsal(write_corpus)

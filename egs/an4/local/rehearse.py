"""A tiny AN4: NIST sphere files, with lists of files and transcriptions beside them in etc/."""

from __future__ import annotations

from pathlib import Path

import soundfile

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import Spoken, speak

SPEAKERS = {  # the archive's own names: the first letter tells women from men
    "train": ["fash", "fbbh", "fclc", "fejs", "mblb", "mblw", "mcel", "mcfl"],
    "test": ["fcaw", "mdms2"],
}
FOLDERS = {"train": "an4_clstk", "test": "an4test_clstk"}
TRANSCRIPT = {"train": "<s> {} </s> ({})\n", "test": "{} ({})\n"}
VOCABULARY = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "ONE", "SEVEN", "ELEVEN", "RUBOUT", "ENTER", "YES"]
UTTERANCES_EACH = 6


def write_corpus(folder: Path) -> None:
    root = folder / "an4"
    (root / "etc").mkdir(parents=True)
    for first, part in enumerate(SPEAKERS):
        fileids, transcripts = [], []
        speakers = SPEAKERS[part]
        spoken = speak(
            "en", 16000, len(speakers), UTTERANCES_EACH, seed=first, vocabulary=VOCABULARY
        )
        for number, utterance in enumerate(spoken):
            speaker = speakers[utterance.speaker]
            name = f"{'an' if number % 2 else 'cen'}{number}-{speaker}-b"
            write_sphere(root / "wav" / FOLDERS[part] / speaker / f"{name}.sph", utterance)
            fileids.append(f"{FOLDERS[part]}/{speaker}/{name}\n")
            transcripts.append(TRANSCRIPT[part].format(" ".join(utterance.words), name))
        (root / "etc" / f"an4_{part}.fileids").write_text("".join(fileids))
        (root / "etc" / f"an4_{part}.transcription").write_text("".join(transcripts))


def write_sphere(path: Path, utterance: Spoken) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        soundfile.write(
            stream, utterance.samples, utterance.sampling_rate, subtype="PCM_16", format="NIST"
        )


run_rehearsal(write_corpus)

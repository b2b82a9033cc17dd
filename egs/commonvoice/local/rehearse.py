"""A tiny Common Voice: a release folder with two languages of mp3 clips and their tables."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import soundfile

from asr.cli.script import run_rehearsal
from asr.signal.synthesis.rehearsal import Spoken, speak

RELEASE = "cv-corpus-17.0-2024-03-15"
LANGUAGES = {"en": "en", "zh-CN": "cmn"}  # Common Voice's code and that of the voice
SPEAKERS = {"train": 6, "dev": 2, "test": 2, "other": 1}
UTTERANCES_EACH = 7
COLUMNS = (
    "client_id", "path", "sentence_id", "sentence", "sentence_domain", "up_votes", "down_votes",
    "age", "gender", "accents", "variant", "locale", "segment",
)  # fmt: skip


def write_corpus(folder: Path) -> None:
    for first, (code, language) in enumerate(LANGUAGES.items()):
        root = folder / RELEASE / code
        (root / "clips").mkdir(parents=True)
        clip = 1000 * first
        for part, count in SPEAKERS.items():
            rows = []
            for utterance in speak(language, 32000, count, UTTERANCES_EACH, seed=clip):
                clip += 1
                path = root / "clips" / f"common_voice_{code}_{17000000 + clip}.mp3"
                soundfile.write(path, utterance.samples, utterance.sampling_rate, format="MP3")
                rows.append(row_of(utterance, part, code, path.name))
            write_tsv(root / f"{part}.tsv", rows)


def row_of(utterance: Spoken, part: str, code: str, clip: str) -> list[str]:
    client = hashlib.sha512(f"{part} {utterance.speaker}".encode()).hexdigest()
    text = utterance.text
    if code == "en":
        text = f'"{text.capitalize()}.'  # the corpus has quotation marks that nothing closes
    sentence = hashlib.sha256(text.encode()).hexdigest()
    return [client, clip, sentence, text, "", "2", "0", "", "", "", "", code, ""]


def write_tsv(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(
            stream, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n"
        )
        writer.writerows([list(COLUMNS), *rows])


run_rehearsal(write_corpus)

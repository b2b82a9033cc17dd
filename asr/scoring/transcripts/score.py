"""`asr score --ref … --hyp …`: the error rate between two files of transcripts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from asr.config.tokenizer import NormaliserName
from asr.files import check_writable, write_json, write_text
from asr.scoring.alignment import Unit, tokenise
from asr.scoring.corpus import CorpusScore, score_corpus
from asr.scoring.details import headline, render_alignments, render_speakers
from asr.scoring.hints import spelling_hints
from asr.scoring.hypotheses import DecodedUtterance
from asr.scoring.rows import ErrorRate
from asr.scoring.transcripts.alternatives import Readings, closest, has_alternatives, parse_readings
from asr.scoring.transcripts.formats import FormatName, find_formats
from asr.scoring.transcripts.pairing import PairedText, Pairing, pair
from asr.scoring.transcripts.reading import Texts, find_file, read_texts
from asr.speakers import is_known
from asr.text.normalise import TextNormaliser


@dataclass(frozen=True)
class FilesScore:
    """Two files of transcripts with the scores between them; `pairing` says what was paired."""

    references: Texts
    hypotheses: Texts
    pairing: Pairing
    normaliser: str
    score: CorpusScore

    def render(self) -> str:
        """Return what was compared, the rate, and what to know about it, a line each."""
        after = "" if self.normaliser == "none" else f", normaliser {self.normaliser}"
        return "\n".join(
            [
                f"references: {self.references.path} ({self.references.size})",
                f"hypotheses: {self.hypotheses.path} ({self.hypotheses.size})",
                f"{headline(self.score)}{after}",
                *(f"note: {note}" for note in self.notes),
            ]
        )

    @property
    def notes(self) -> list[str]:
        """What to know about the rate."""
        return [*self.pairing.notes, *spelling_hints(self.score.utterances, self.normaliser)]

    def write(self, folder: Path) -> None:
        """Write `score.json`, `alignments.txt` and, where speakers are known, `per_speaker.md`."""
        title = f"{self.hypotheses.path}, normaliser {self.normaliser}"
        total = ErrorRate.of(self.score.total, self.score.interval)
        content = {
            "reference": {"path": str(self.references.path), "format": self.references.format},
            "hypothesis": {"path": str(self.hypotheses.path), "format": self.hypotheses.format},
            "unit": self.score.unit,
            "normaliser": self.normaliser,
            "utterances": len(self.score.utterances),
            **total.model_dump(),
            "missing": self.pairing.missing,
            "extra": self.pairing.extra,
            "notes": self.notes,
        }
        write_json(folder / "score.json", content)
        write_text(folder / "alignments.txt", render_alignments(self.score, title))
        if any(is_known(one.speaker) for one in self.score.utterances):
            write_text(folder / "per_speaker.md", render_speakers(self.score, title))


def score_files(
    reference: Path,
    hypothesis: Path,
    unit: Unit,
    normaliser: NormaliserName = "none",
    formats: tuple[FormatName | None, FormatName | None] = (None, None),
    output_dir: Path | None = None,
) -> FilesScore:
    """Score a file of hypotheses against one of references.

    Args:
        reference, hypothesis: files, or Kaldi data directories and decode folders that hold them.
        formats: of both; None is found out from what they hold.
        output_dir: gets the details; nothing is written without it.

    Raises:
        UserError: a file is missing or malformed, its format cannot be told, or the two files do
            not belong together.
    """
    if output_dir is not None:
        check_writable(output_dir)
    paths = find_file(reference), find_file(hypothesis)
    found = find_formats(*paths, *formats)
    references = read_texts(paths[0], found[0], is_reference=True)
    hypotheses = read_texts(paths[1], found[1], is_reference=False)
    pairing = pair(references, hypotheses)
    normalise = TextNormaliser(normaliser)
    utterances = [
        _compared(paired, references, hypotheses, unit, normalise) for paired in pairing.utterances
    ]
    scored = FilesScore(references, hypotheses, pairing, normaliser, score_corpus(utterances, unit))
    if output_dir is not None:
        scored.write(output_dir)
    return scored


def _compared(
    paired: PairedText,
    references: Texts,
    hypotheses: Texts,
    unit: Unit,
    normalise: TextNormaliser,
) -> DecodedUtterance:
    """Return an utterance as it is compared: normalised, with one reading of alternatives."""
    texts = (paired.reference, paired.hypothesis)
    is_open = [
        side.has_alternatives and has_alternatives(text)
        for side, text in zip((references, hypotheses), texts, strict=True)
    ]
    if any(is_open):
        readings = [
            parse_readings(text, partial(_tokens, unit=unit, normalise=normalise), paired.where)
            if may_have
            else Readings.of(_tokens(text, unit, normalise))
            for text, may_have in zip(texts, is_open, strict=True)
        ]
        reference, hypothesis = map(" ".join, closest(*readings))
    else:
        reference, hypothesis = map(normalise, texts)
    return DecodedUtterance(
        id=paired.id, speaker=paired.speaker, reference=reference, text=hypothesis
    )


def _tokens(text: str, unit: Unit, normalise: TextNormaliser) -> list[str]:
    return tokenise(normalise(text), unit)

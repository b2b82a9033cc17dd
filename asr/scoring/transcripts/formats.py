"""The formats that files of transcripts are in, found out from what the files hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from asr.errors import UserError
from asr.files import parse_json
from asr.text.transcripts import read_all_lines

FormatName = Literal["lines", "kaldi", "trn", "ctm", "stm", "jsonl"]
FORMATS: dict[FormatName, str] = {
    "lines": "plain text, line by line",
    "kaldi": "Kaldi text",
    "trn": "trn",
    "ctm": "CTM",
    "stm": "STM",
    "jsonl": "JSON lines",
}
COMMENT = ";;"  # of trn, CTM and STM: such a line is not read
TRN_LINE = re.compile(r"(?P<text>.*)\(\s*(?P<id>[^()\s]+)\s*\)")
_PARTED = re.compile(r"\w.*([-.:]|\d|_|/).*\w")  # an id, or a word with a hyphen
_ENOUGH_LINES = 20  # that begin with the same words on both sides, each once: those are ids
_OVERLAP = 0.5
_GIVE_BOTH = "Give --ref-format and --hyp-format: kaldi where lines begin with ids, else lines."


def find_formats(
    reference: Path,
    hypothesis: Path,
    reference_format: FormatName | None = None,
    hypothesis_format: FormatName | None = None,
) -> tuple[FormatName, FormatName]:
    """Return the formats of two files; None is found out from what they hold.

    Whether the first words of lines are ids can be told from both files only.

    Raises:
        UserError: a file is missing or is no text, or what it is cannot be told.
    """
    references, hypotheses = (
        [line for _, line in read_all_lines(path)] for path in (reference, hypothesis)
    )
    first = reference_format or _marked(reference, references, "--ref-format")
    second = hypothesis_format or _marked(hypothesis, hypotheses, "--hyp-format")
    if first is None and second is None:
        plain = _ids_or_lines(references, hypotheses, f"{reference} and {hypothesis}")
        return plain, plain
    return first or _beside(second, references), second or _beside(first, hypotheses)


def _marked(path: Path, lines: Sequence[str], option: str) -> FormatName | None:
    """Return the format that all lines of a file bear the marks of, if there is one."""
    uncommented = [line for line in lines if line and not line.startswith(COMMENT)]
    if uncommented and _is_object(uncommented[0]):
        return "jsonl"
    if not uncommented:
        return None
    fits = [name for name, fit in _MARKS.items() if fit(uncommented, f".{name}" in path.suffixes)]
    if len(fits) > 1:  # words and speakers that are numbers
        fits = [name for name in fits if f".{name}" in path.suffixes] or fits
    if len(fits) > 1:
        names = " or ".join(FORMATS[name] for name in fits)
        raise UserError(f"may be {names}", where=str(path), todo=f"Give {option}.")
    return fits[0] if fits else None


def _is_object(line: str) -> bool:
    try:
        return isinstance(parse_json(line), dict)
    except ValueError:
        return False


def _fits_trn(lines: Sequence[str], is_called_so: bool) -> bool:
    return all(map(TRN_LINE.fullmatch, lines))


def _fits_ctm(lines: Sequence[str], is_called_so: bool) -> bool:
    fields = [line.split() for line in lines]
    timed = [row for row in fields if row[2:4] != ["*", "*"]]
    return (
        min(map(len, fields)) >= 5
        and all(len(row) == 5 or _is_number(row[5]) for row in timed)
        and _hold_times([row[2:4] for row in timed], is_called_so)
    )


def _fits_stm(lines: Sequence[str], is_called_so: bool) -> bool:
    times = [line.split(maxsplit=5)[3:5] for line in lines]
    return (
        min(map(len, times)) == 2
        and _hold_times(times, is_called_so)
        and all(float(start) <= float(end) for start, end in times)
    )


def _hold_times(pairs: Sequence[Sequence[str]], is_called_so: bool) -> bool:
    """Whether these are times; digits that were said are none: programs write times with points."""
    fields = [field for pair in pairs for field in pair]
    has_points = is_called_so or any("." in field for field in fields)
    return has_points and all(map(_is_number, fields))


def _is_number(field: str) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False


_MARKS: dict[FormatName, Callable[[Sequence[str], bool], bool]] = {
    "trn": _fits_trn,
    "ctm": _fits_ctm,
    "stm": _fits_stm,
}


def _beside(other: FormatName | None, lines: Sequence[str]) -> FormatName:
    """Return what a file without marks is, beside one of the format `other`."""
    if other is None or other == "lines":
        return "lines"
    return "kaldi" if any(lines) else other


def _ids_or_lines(references: Sequence[str], hypotheses: Sequence[str], where: str) -> FormatName:
    """Say whether the first words of two files' lines are ids.

    They are where all of them look so, and where each stands once and they are the same in both
    files in another order, or in many lines. Blank lines are texts, which ids would stand before.

    Raises:
        UserError: they are in one file alone, or are numbers among nothing but numbers.
    """
    firsts = [[line.split()[0] for line in lines if line] for lines in (references, hypotheses)]
    is_blank = len(firsts[0]) < len(references), len(firsts[1]) < len(hypotheses)
    look_so = [_look_like_ids(words) for words in firsts]
    if all(look_so):
        return "kaldi"
    for number, words in enumerate(firsts):
        if (
            look_so[number]
            and len(words) > 1
            and not any(map(_looks_like_an_id, firsts[1 - number]))
        ):
            raise UserError(
                f"lines of the {'reference' if number == 0 else 'hypothesis'} begin with ids such "
                f"as '{words[0]}', those of the other file do not",
                where=where,
                todo=_GIVE_BOTH,
            )
    both = firsts[0] + firsts[1]
    sets = [set(words) for words in firsts]
    shared = len(sets[0] & sets[1]) / max(1, min(map(len, sets)))
    is_distinct = all(len(words) == len(set(words)) for words in firsts)
    if not is_distinct or shared < _OVERLAP or any(is_blank):
        return "lines"
    if len(both) > 2 and all(word.isdecimal() for word in both):
        words = [word for line in (*references, *hypotheses) for word in line.split()[1:]]
        if not all(word.isdecimal() for word in words):
            return "kaldi"
        what = "numbers alone: the first of a line may be its id or a word"
        raise UserError(what, where=where, todo=_GIVE_BOTH)
    is_other_order = sets[0] == sets[1] and firsts[0] != firsts[1]
    is_many = shared > 0.9 and min(map(len, firsts)) >= _ENOUGH_LINES
    return "kaldi" if is_other_order or is_many else "lines"


def _look_like_ids(words: Sequence[str]) -> bool:
    """Whether all words have something that words of a text lack, as `sp1`, `ann_a` and `a-b` have.

    A single one may be a word with a hyphen.
    """
    if all(map(_looks_like_an_id, words)):
        return True
    return len(words) > 1 and all(map(_PARTED.fullmatch, words))


def _looks_like_an_id(word: str) -> bool:
    return not word.isdecimal() and any(c.isdecimal() or c in "_/" for c in word)

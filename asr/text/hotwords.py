"""Files of hotwords: the phrases a decoder is biased to, and biased error rates are counted on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from asr.errors import UserError
from asr.files import PathLike
from asr.lines import no_text

_FORM = "Write one phrase a line, with a weight after a tab if it needs its own."


@dataclass(frozen=True)
class Hotword:
    """A phrase as it was written, white space collapsed, and its weight beside the others'."""

    phrase: str
    weight: float = 1.0


def read_hotwords(path: PathLike) -> list[Hotword]:
    """Read a UTF-8 file with `phrase` or `phrase<TAB>weight` on each line, in the file's order.

    A phrase without a weight has 1. Empty lines and lines that begin with `#` are passed over;
    elsewhere `#` is part of the phrase. A file without phrases is an empty list.

    Raises:
        UserError: the file is missing or no UTF-8 text, a phrase is empty or stands twice, a weight
            is not a finite number above 0; the line is named.
    """
    hotwords: list[Hotword] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(_read_lines(path), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{path}:{number}"
        hotword = _parse_line(line, where)
        first = lines.setdefault(hotword.phrase, number)
        if first != number:
            raise UserError(
                f"the phrase '{hotword.phrase}' stands in line {first} already",
                where=where,
                todo="Keep one of them.",
            )
        hotwords.append(hotword)
    return hotwords


def _read_lines(path: PathLike) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError as error:
        raise UserError("the file of hotwords does not exist", where=str(path)) from error
    except IsADirectoryError as error:
        raise UserError("is a folder, not a file of hotwords", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise no_text(path, "is not UTF-8 text", str(path)) from error


def _parse_line(line: str, where: str) -> Hotword:
    fields = line.rstrip("\r").split("\t")
    phrase = " ".join(fields[0].split())
    if not phrase:
        raise UserError("the phrase before the tab is empty", where=where, todo=_FORM)
    if len(fields) > 2:
        raise UserError(f"holds {len(fields) - 1} tabs instead of one", where=where, todo=_FORM)
    return Hotword(phrase, _parse_weight(fields[1], where) if len(fields) == 2 else 1.0)


def _parse_weight(text: str, where: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight > 0):
        raise UserError(
            f"the weight '{text.strip()}' is not a number above 0", where=where, todo=_FORM
        )
    return weight

"""G: an n-gram language model as an acceptor of words, by kaldilm."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import kaldifst

from asr.errors import UserError
from asr.files import PathLike
from asr.graphs.lexicon_fst import LabelTable
from asr.text.transcripts import read_lines

_COUNT = re.compile(r"ngram\s+(\d+)\s*=\s*(\d+)")
# kaldilm ends its process when a file is wrong: it gets one of its own.
_CONVERT = """
import sys, kaldilm
kaldilm.arpa2fst(input_arpa=sys.argv[1], output_fst=sys.argv[2], read_symbol_table=sys.argv[3],
                 disambig_symbol="#0", keep_symbols=False, max_arpa_warnings=0)
"""


def read_unigrams(path: PathLike) -> list[str]:
    """Return the words of an ARPA file, `<s>`, `</s>` and `<unk>` included, as it orders them.

    Raises:
        UserError: the file is missing, is no ARPA file or has no unigrams.
    """
    todo = "Give a language model in ARPA format."
    lines = read_lines(path)
    for _, line in lines:
        if line == "\\data\\":
            break
    else:
        raise UserError("is no ARPA file (\\data\\ is missing)", where=str(path), todo=todo)
    counts: dict[int, int] = {}
    for where, line in lines:
        if line.startswith("\\"):
            break
        if not (match := _COUNT.fullmatch(line)):
            raise UserError("expected `ngram N=COUNT`", where=where, todo=todo)
        counts[int(match[1])] = int(match[2])
    if not counts.get(1) or line != "\\1-grams:":
        raise UserError("the ARPA file has no unigrams", where=str(path), todo=todo)
    words = []
    for where, line in lines:
        if line.startswith("\\"):
            break
        fields = line.split()
        if len(fields) not in (2, 3):
            raise UserError("expected `log10 word [backoff]`", where=where, todo=todo)
        words.append(fields[1])
    if len(words) != counts[1]:
        what = f"{counts[1]} unigrams are announced, {len(words)} are there"
        raise UserError(what, where=str(path), todo="The file may have been cut off.")
    return words


def grammar_fst(arpa: PathLike, labels: LabelTable) -> kaldifst.StdVectorFst:
    """Convert an ARPA file of any order; n-grams with a word that has no label are left out.

    A file named `.gz` is packed. Costs are natural logarithms. Backing off takes the input label of
    the word `#0`; `<s>` and `</s>` become the start and the costs of ending.

    Raises:
        UserError: kaldilm refuses the file, or it is not a whole gzip file.
    """
    with tempfile.TemporaryDirectory() as folder:
        symbols, output = Path(folder) / "words.txt", Path(folder) / "G.fst"
        symbols.write_text(symbol_lines(labels.words), encoding="utf-8")
        plain = _unpacked(Path(arpa), Path(folder))
        command = [sys.executable, "-c", _CONVERT, str(plain), str(output), str(symbols)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode:
            said = done.stderr.decode(errors="replace")
            complaints = re.findall(r"^\[E\] (.*)$", said, re.MULTILINE)
            what = f"kaldilm cannot read it: {complaints[-1] if complaints else said[-200:]}"
            raise UserError(what, where=str(arpa))
        return kaldifst.StdVectorFst.read(str(output))


def _unpacked(arpa: Path, folder: Path) -> Path:
    """Return the file as kaldilm reads it: one that is packed is unpacked into `folder`."""
    if arpa.suffix != ".gz":
        return arpa
    plain = folder / "lm.arpa"
    try:
        with gzip.open(arpa, "rb") as packed, plain.open("wb") as stream:
            shutil.copyfileobj(packed, stream)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError("is not a whole gzip file", where=str(arpa)) from error
    return plain


def symbol_lines(labels: dict[str, int]) -> str:
    """Return the lines `symbol label` of a table."""
    return "".join(f"{symbol} {label}\n" for symbol, label in labels.items())

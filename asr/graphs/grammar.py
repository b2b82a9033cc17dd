"""G: an n-gram language model as an acceptor of words, by kaldilm."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import kaldifst

from asr.errors import UserError
from asr.files import PathLike
from asr.graphs.lexicon_fst import LabelTable
from asr.ngrams.arpa import write_arpa
from asr.ngrams.model import NgramModel

# kaldilm ends its process where it refuses something: it gets one of its own.
_CONVERT = """
import sys, kaldilm
kaldilm.arpa2fst(input_arpa=sys.argv[1], output_fst=sys.argv[2], read_symbol_table=sys.argv[3],
                 disambig_symbol="#0", keep_symbols=False, max_arpa_warnings=0)
"""


def grammar_fst(model: NgramModel, labels: LabelTable, where: PathLike) -> kaldifst.StdVectorFst:
    """Convert a model of any order; n-grams with a word that has no label are left out.

    Costs are natural logarithms. Backing off takes the input label of the word `#0`; `<s>` and
    `</s>` become the start and the costs of ending.

    Args:
        model: written for kaldilm in the one form that it reads: of the files that other tools
            write it refuses some and takes others for what they are not.
        labels: of the graph.
        where: the model was read from.

    Raises:
        UserError: kaldilm refuses the model.
    """
    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder) / "G.arpa"
        write_arpa(model, arpa)
        symbols, output = Path(folder) / "words.txt", Path(folder) / "G.fst"
        symbols.write_text(symbol_lines(labels.words), encoding="utf-8")
        command = [sys.executable, "-c", _CONVERT, str(arpa), str(output), str(symbols)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode:
            said = done.stderr.decode(errors="replace")
            complaints = re.findall(r"^\[E\] (.*)$", said, re.MULTILINE)
            what = f"kaldilm cannot read it: {complaints[-1] if complaints else said[-200:]}"
            raise UserError(what, where=str(where))
        return kaldifst.StdVectorFst.read(str(output))


def symbol_lines(labels: dict[str, int]) -> str:
    """Return the lines `symbol label` of a table."""
    return "".join(f"{symbol} {label}\n" for symbol, label in labels.items())

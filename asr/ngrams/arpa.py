r"""Reading and writing n-gram models as ARPA files.

The format: `\data\` with the number of n-grams of each order, a section `\N-grams:` for each with
lines `log10(probability) words [log10(backoff weight)]`, and `\end\`.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

import numpy as np

from asr.errors import UserError
from asr.files import PathLike, atomic_writer
from asr.ngrams.arpa_lines import Block, Fields, read_blocks
from asr.ngrams.model import (
    BEGIN,
    END,
    LEAST_LOG,
    LN_10,
    UNKNOWN,
    Floats,
    Integers,
    ModelBuilder,
    NgramModel,
    RepeatedNgramError,
    UnusableNgramError,
)

_COUNT = re.compile(rb"ngram\s+(\d+)\s*=\s*(\d+)")
_SECTION = re.compile(rb"\\(\d+)-grams:")
_LINES_A_CHUNK = 1 << 16


def read_arpa(path: PathLike) -> NgramModel:
    """Read an ARPA file; `.gz` means compressed.

    Raises:
        UserError: the file is missing, is no whole ARPA file, or an n-gram of it cannot be right;
            the line is named.
    """
    reader = _Reader(str(path))
    for block in read_blocks(path):
        reader.take(block)
    return reader.finish()


def write_arpa(model: NgramModel, path: PathLike) -> None:
    """Write `model` as text, atomically; `.gz` compresses. Equal models give equal bytes.

    Raises:
        UserError: the disk is full or the folder may not be written to.
    """
    with atomic_writer(path, "wb") as stream, _maybe_compressed(stream, path) as out:
        counts = (f"ngram {order}={count}\n" for order, count in enumerate(model.counts, start=1))
        out.write(("\\data\\\n" + "".join(counts)).encode())
        for order in range(1, model.order + 1):
            out.write(f"\n\\{order}-grams:\n".encode())
            for lines in _lines(model, order):
                out.write(lines.encode())
        out.write(b"\n\\end\\\n")


@contextmanager
def _maybe_compressed(stream: IO[bytes], path: PathLike) -> Iterator[IO[bytes]]:
    if str(path).endswith(".gz"):
        # Neither time nor name in it: the bytes depend on the model alone.
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=stream, mtime=0) as out:
            yield cast(IO[bytes], out)
    else:
        yield stream


def _lines(model: NgramModel, order: int) -> Iterator[str]:
    """Yield the lines of a section, many at a time."""
    words = np.array(model.words, dtype=object)
    spelled = model.spelled(order)
    places = model.places(order)
    log_prob, backoff = model.log_prob[places] / LN_10, model.backoff[places] / LN_10
    for begin in range(0, len(spelled), _LINES_A_CHUNK):
        chunk = slice(begin, begin + _LINES_A_CHUNK)
        rows = zip(
            log_prob[chunk].tolist(),
            words[spelled[chunk]].tolist(),
            backoff[chunk].tolist(),
            strict=True,
        )
        yield "".join(
            f"{p:.7f}\t{' '.join(ngram)}\t{b:.7f}\n" if b else f"{p:.7f}\t{' '.join(ngram)}\n"
            for p, ngram, b in rows
        )


class _Ids(dict[bytes, int]):
    """Word ids, -1 for what is no word."""

    def __missing__(self, word: bytes) -> int:
        return -1


class _Reader:
    """Takes the blocks of a file in their order; `finish` gives the model."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.promised: dict[int, int] = {}  # order -> n-grams, by the header
        self.section: int | None = None  # None before \data\, 0 in it, then the order
        self.ended = False
        self.ids = _Ids()
        self.builder: ModelBuilder | None = None
        self.parts: list[tuple[Integers, Integers, Floats, Floats]] = []

    def take(self, block: Block) -> None:
        """Read one block."""
        if self.ended:
            return
        if block.is_directive:
            self._take_directive(block)
        elif self.section == 0:
            self._take_counts(block)
        elif self.section is not None:
            self._take_ngrams(Fields.of(block), self.section)

    def finish(self) -> NgramModel:
        """Check what only the whole file can tell, and return the model."""
        if self.section is None:
            raise UserError("no \\data\\ line: not an ARPA file", where=self.path)
        if not self.ended:
            raise UserError("ends without \\end\\: the file is cut short", where=self.path)
        if self.builder is None:
            raise UserError("no unigrams (\\1-grams:) in it", where=self.path)
        missing = [word for word in (BEGIN, END) if word.encode() not in self.ids]
        if missing:
            raise UserError(
                f"no unigram {' and no '.join(missing)}",
                where=self.path,
                todo="Sentences have a begin and an end in an ARPA model: estimate it with both.",
            )
        return self.builder.model

    def _take_directive(self, block: Block) -> None:
        line, where = block.content.strip(), f"{block.path}:{block.first_line}"
        if self.section is None:
            if line == b"\\data\\":
                self.section = 0
            return
        match = _SECTION.fullmatch(line)
        if not match and line != b"\\end\\":
            raise UserError(f"'{_shown(line)}' is no section of an ARPA file", where=where)
        if self.section == 0:
            self._check_counts()
        else:
            self._close_section(self.section)
        if match:
            if int(match[1]) != self.section + 1:
                raise UserError(f"expected the {self.section + 1}-grams here", where=where)
            self.section += 1
        else:
            self._check_all_sections(self.section)
            self.ended = True

    def _take_counts(self, block: Block) -> None:
        for number, line in enumerate(block.content.splitlines(), start=block.first_line):
            if not line.strip():
                continue
            match = _COUNT.fullmatch(line.strip())
            if not match:
                where = f"{block.path}:{number}"
                raise UserError(f"expected `ngram N=count`, not '{_shown(line)}'", where=where)
            self.promised[int(match[1])] = int(match[2])

    def _check_counts(self) -> None:
        if not self.promised.get(1):
            raise UserError("no unigrams in the header (ngram 1=…)", where=self.path)
        if sorted(self.promised) != list(range(1, len(self.promised) + 1)):
            raise UserError("the header leaves out an order of n-grams", where=self.path)

    def _check_all_sections(self, last: int) -> None:
        if lacking := [n for n in self.promised if n > last and (self.promised[n] or n == 1)]:
            raise UserError(f"no section \\{lacking[0]}-grams:", where=self.path)

    def _take_ngrams(self, fields: Fields, order: int) -> None:
        bad = np.flatnonzero((fields.size != order + 1) & (fields.size != order + 2))
        if bad.size:
            line = b" ".join(fields.values[fields.first[bad[0]] :][: fields.size[bad[0]]].tolist())
            raise UserError(
                f"is no {order}-gram with its probability: '{_shown(line)}'",
                where=f"{self.path}:{fields.line[bad[0]]}",
            )
        log_prob = self._numbers(fields, fields.first, "probability")
        positive = np.flatnonzero(log_prob > 0)
        if positive.size:
            raise UserError(
                "a probability greater than 1 (its logarithm is positive)",
                where=f"{self.path}:{fields.line[positive[0]]}",
            )
        backoff = np.zeros_like(log_prob)
        weighted = np.flatnonzero(fields.size == order + 2)
        weights = self._numbers(fields, fields.first + fields.size - 1, "backoff weight", weighted)
        if order < max(self.promised):
            backoff[weighted] = weights
        spelled = fields.values[fields.first[:, None] + np.arange(1, order + 1)].ravel().tolist()
        if order == 1:
            self._add_words(spelled, fields.line)
        words = np.fromiter(map(self.ids.__getitem__, spelled), np.int64, len(spelled))
        if (unknown := np.flatnonzero(words < 0)).size:
            raise UserError(
                f"'{_shown(spelled[unknown[0]])}' is not among the unigrams",
                where=f"{self.path}:{fields.line[unknown[0] // order]}",
            )
        self.parts.append((words.reshape(-1, order), fields.line, log_prob, backoff))

    def _numbers(
        self, fields: Fields, places: Integers, name: str, rows: Integers | None = None
    ) -> Floats:
        """Read a log10 of each line, or of some `rows`, as natural logarithms."""
        lines = fields.line if rows is None else fields.line[rows]
        texts = fields.values[places if rows is None else places[rows]].tolist()
        try:
            values = np.fromiter(map(float, texts), np.float64, len(texts))
        except ValueError:
            wrong = next(i for i, text in enumerate(texts) if not _is_number(text))
            values = np.zeros(0)
        else:
            odd = np.flatnonzero(np.isnan(values) | (values == np.inf))
            if not odd.size:
                return np.maximum(values * LN_10, LEAST_LOG)
            wrong = int(odd[0])
        what = f"'{_shown(texts[wrong])}' is no logarithm of a {name}"
        raise UserError(what, where=f"{self.path}:{lines[wrong]}")

    def _add_words(self, words: list[bytes], lines: Integers) -> None:
        for word, line in zip(words, lines.tolist(), strict=True):
            if word in self.ids:
                where = f"{self.path}:{line}"
                raise UserError(f"'{_shown(word)}' stands twice among the unigrams", where=where)
            try:
                word.decode()
            except UnicodeDecodeError as error:
                todo = "Convert it, for instance with `iconv -f GB18030 -t UTF-8`."
                where = f"{self.path}:{line}"
                raise UserError("is not UTF-8 text", where=where, todo=todo) from error
            self.ids[word] = len(self.ids)

    def _close_section(self, order: int) -> None:
        found = sum(len(lines) for _, lines, _, _ in self.parts)
        promised = self.promised.get(order, 0)
        if found != promised:
            what = f"{found} {order}-grams, but the header promises {promised}"
            raise UserError(what, where=self.path, todo="The file is damaged.")
        if not found:
            self.parts = [_no_ngrams(order)]
        ngrams, lines, log_prob, backoff = (
            np.concatenate(p) for p in zip(*self.parts, strict=True)
        )
        self.parts = []
        if self.builder is None:
            words = [word.decode() for word in self.ids]
            if UNKNOWN not in words:  # in capitals from some tools; KenLM takes both for the same
                words = [UNKNOWN if word == UNKNOWN.upper() else word for word in words]
            self.builder = ModelBuilder(words, log_prob, backoff)
            return
        try:
            self.builder.add_order(ngrams, log_prob, backoff)
        except UnusableNgramError as error:
            words = self.builder.model.words
            shown = " ".join(words[i] for i in ngrams[error.row])
            what = (
                f"'{shown}' stands twice"
                if isinstance(error, RepeatedNgramError)
                else f"'{shown}' without '{shown.rpartition(' ')[0]}' among the {order - 1}-grams"
            )
            raise UserError(what, where=f"{self.path}:{lines[error.row]}") from error


def _no_ngrams(order: int) -> tuple[Integers, Integers, Floats, Floats]:
    none = np.zeros(0)
    return none.astype(np.int64).reshape(0, order), none.astype(np.int64), none, none


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(text: bytes) -> str:
    shown = text.decode(errors="replace").strip()
    return shown if len(shown) <= 60 else shown[:57] + "…"

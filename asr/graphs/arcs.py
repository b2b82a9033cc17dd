"""Transducers as arrays of arcs, which numpy can rebuild as a whole, and their files.

The files are OpenFst's `const` type over the tropical semiring: a header, one record a state, one
record an arc. kaldifst, kaldi-decoder and sherpa-onnx read them.
"""

from __future__ import annotations

import os
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

import kaldifst
import numpy as np

from asr.errors import UserError

EPSILON = 0

_MAGIC = 2125659606
_KIND, _ARC_KIND = b"const", b"standard"
_EXPANDED, _ILABEL_SORTED = 0x1, 0x10000000  # of OpenFst's property bits
_HEADER = struct.Struct(f"<ii{len(_KIND)}si{len(_ARC_KIND)}siiQqqq")
_STATE = np.dtype(
    [("final", "<f4"), ("first", "<u4"), ("arcs", "<u4"), ("ieps", "<u4"), ("oeps", "<u4")]
)
_ARC = np.dtype([("ilabel", "<i4"), ("olabel", "<i4"), ("weight", "<f4"), ("target", "<i4")])


@dataclass(frozen=True)
class Arcs:
    """A transducer of S states and A arcs; weights are costs, natural logarithms negated.

    Attributes:
        start: the state where every path begins.
        finals: (S,), cost of ending in each state; infinite where no path ends.
        sources, targets, ilabels, olabels, weights: (A,), the arcs in any order.
    """

    start: int
    finals: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    ilabels: np.ndarray
    olabels: np.ndarray
    weights: np.ndarray

    @property
    def num_states(self) -> int:
        return len(self.finals)

    @property
    def num_arcs(self) -> int:
        return len(self.sources)

    def to_bytes(self) -> bytes:
        """Return the content of a file; the arcs of a state are sorted by input label."""
        order = np.lexsort((self.targets, self.olabels, self.ilabels, self.sources))
        sources = self.sources[order]
        counts = np.bincount(sources, minlength=self.num_states)
        states = np.zeros(self.num_states, _STATE)
        states["final"] = self.finals
        states["first"] = np.cumsum(counts) - counts
        states["arcs"] = counts
        for field, labels in (("ieps", self.ilabels), ("oeps", self.olabels)):
            with_epsilon = self.sources[labels == EPSILON]
            states[field] = np.bincount(with_epsilon, minlength=self.num_states)
        arcs = np.zeros(self.num_arcs, _ARC)
        for field, values in (
            ("ilabel", self.ilabels),
            ("olabel", self.olabels),
            ("weight", self.weights),
            ("target", self.targets),
        ):
            arcs[field] = values[order]
        header = _HEADER.pack(
            _MAGIC,
            len(_KIND),
            _KIND,
            len(_ARC_KIND),
            _ARC_KIND,
            2,  # version, of files without alignment
            0,  # flags
            _EXPANDED | _ILABEL_SORTED,
            self.start,
            self.num_states,
            self.num_arcs,
        )
        return header + states.tobytes() + arcs.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> Arcs:
        """Read the content of a file.

        Raises:
            UserError: it is no such thing.
        """
        try:
            magic, _, kind, _, arc_kind, _, _, _, start, num_states, num_arcs = _HEADER.unpack_from(
                content
            )
            if (magic, kind, arc_kind) != (_MAGIC, _KIND, _ARC_KIND):
                raise ValueError("other magic number or type")
            states = np.frombuffer(content, _STATE, num_states, _HEADER.size)
            arcs = np.frombuffer(content, _ARC, num_arcs, _HEADER.size + states.nbytes)
        except (struct.error, ValueError) as error:
            raise UserError("is not a graph that this toolkit wrote", where=where) from error
        return cls(
            start=int(start),
            finals=states["final"].astype(np.float32),
            sources=np.repeat(np.arange(num_states), states["arcs"].astype(np.int64)),
            targets=arcs["target"].astype(np.int64),
            ilabels=arcs["ilabel"].astype(np.int64),
            olabels=arcs["olabel"].astype(np.int64),
            weights=arcs["weight"].astype(np.float32),
        )

    @classmethod
    def from_fst(cls, fst: kaldifst.StdVectorFst) -> Arcs:
        """Convert a transducer of kaldifst."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fst"
            kaldifst.StdConstFst(fst).write(str(path))
            return cls.from_bytes(path.read_bytes(), str(path))

    def to_fst(self) -> kaldifst.StdVectorFst:
        """Convert to a transducer of kaldifst, its arcs sorted by input label."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fst"
            path.write_bytes(self.to_bytes())
            return kaldifst.StdVectorFst(read_const_fst(path))


@dataclass(frozen=True)
class MappedGraph:
    """A graph's file as arrays, which stays on disk until it is looked at.

    Attributes:
        start: the state where every path begins.
        finals: (S,), as in `Arcs`.
        arcs: (A,) records `ilabel`, `olabel`, `weight`, `target`, those of a state in a row,
            epsilons first.
    """

    start: int
    finals: np.ndarray
    arcs: np.ndarray
    _first: np.ndarray
    _num_arcs: np.ndarray
    _num_silent: np.ndarray

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> MappedGraph:
        """Map a file that `Arcs.to_bytes` made."""
        with open(path, "rb") as stream:
            _, _, _, _, _, _, _, _, start, num_states, num_arcs = _HEADER.unpack(
                stream.read(_HEADER.size)
            )
        states = np.memmap(path, _STATE, "r", _HEADER.size, (num_states,))
        offset = _HEADER.size + num_states * _STATE.itemsize
        # A file of no arcs ends here, and nothing cannot be mapped.
        arcs = np.memmap(path, _ARC, "r", offset, (num_arcs,)) if num_arcs else np.zeros(0, _ARC)
        counts = (states[name].astype(np.int64) for name in ("first", "arcs", "ieps"))
        return cls(int(start), np.array(states["final"]), np.asarray(arcs), *counts)

    @property
    def num_states(self) -> int:
        return len(self.finals)

    def silent(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return, for every epsilon arc that leaves one of `states`, its row there and the arc."""
        return _ranges(self._first[states], self._num_silent[states])

    def emitting(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return, for every other arc that leaves one of `states`, its row there and the arc."""
        silent = self._num_silent[states]
        return _ranges(self._first[states] + silent, self._num_arcs[states] - silent)


def _ranges(first: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for rows of `count` numbers that begin at `first`, each number's row and itself."""
    rows = np.repeat(np.arange(len(count)), count)
    return rows, np.arange(len(rows)) - (np.cumsum(count) - count - first)[rows]


def read_const_fst(path: str | os.PathLike[str]) -> kaldifst.StdConstFst:
    """Read a file as kaldi-decoder takes it.

    Raises:
        UserError: it is no such thing.
    """
    fst = kaldifst.StdConstFst.read(str(path))
    if fst is None:
        raise UserError("is not a decoding graph", where=str(path))
    return fst


class ArcList:
    """Collects arcs one by one, for graphs that are written down rather than computed."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int, float]] = []
        self.finals: dict[int, float] = {}
        self._num_states = 0

    def state(self, final: float | None = None) -> int:
        """Add a state; `final` is the cost of ending there."""
        state = self._num_states
        self._num_states += 1
        if final is not None:
            self.finals[state] = final
        return state

    def arc(
        self, source: int, target: int, ilabel: int, olabel: int = EPSILON, weight: float = 0.0
    ) -> None:
        """Add an arc."""
        self.rows.append((source, target, ilabel, olabel, weight))

    def arcs(self, start: int) -> Arcs:
        """Return what was collected."""
        finals = np.full(self._num_states, np.inf, np.float32)
        for state, weight in self.finals.items():
            finals[state] = weight
        columns = np.array(self.rows, dtype=np.float64).reshape(-1, 5).T
        sources, targets, ilabels, olabels = columns[:4].astype(np.int64)
        return Arcs(
            start, finals, sources, targets, ilabels, olabels, columns[4].astype(np.float32)
        )

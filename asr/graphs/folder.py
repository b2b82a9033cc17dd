"""The folder of a decoding graph.

| file | holds |
|---|---|
| `H.fst`, `HL.fst` or `HLG.fst` | the graph: token ids plus one (blank is 1) to words |
| `G.fst` | of HLG, the language model over words; input label `#0` backs off |
| `L.fst` | of HL and HLG, the lexicon with its disambiguation symbols |
| `words.txt`, `tokens.txt` | `symbol label` a line; `<eps>` is 0 |
| `graph.json` | format, type, sizes, the tokenizer's fingerprint, sources, SHA-256 of files |

All costs are natural logarithms, negated. Of `H.fst` the output labels are those of `tokens.txt`,
and `words.txt` is the same table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import kaldifst

from asr.errors import UserError
from asr.files import PathLike, atomic_writer, disk_errors, read_description, write_json
from asr.graphs.arcs import MappedGraph, read_const_fst
from asr.text.lexicon import UNKNOWN_WORD
from asr.text.tokenizers import Tokenizer

FORMAT_VERSION = 1
DESCRIPTION_FILE = "graph.json"
WORDS_FILE, TOKENS_FILE = "words.txt", "tokens.txt"
_MAKE_AGAIN = "Make the graph again: asr graph --tokenizer BUNDLE/tokenizer."

GraphType = Literal["h", "hl", "hlg"]


@dataclass(frozen=True)
class DecodingGraph:
    """A graph to decode with.

    Attributes:
        folder: where it was read.
        kind: what it holds.
        fst: its input labels are token ids plus one.
        arcs: the same graph for `search_lattice`.
        words: the symbol of each output label.
        vocab_size: of the tokenizer it was made for.
        of_tokens: the words are tokens, of a language model of tokens.
    """

    folder: Path
    kind: GraphType
    fst: kaldifst.StdConstFst
    arcs: MappedGraph
    words: list[str]
    vocab_size: int
    of_tokens: bool = False

    @property
    def num_states(self) -> int:
        return int(self.fst.num_states)

    @property
    def has_words(self) -> bool:
        """Whether the output labels are words rather than tokens."""
        return self.kind != "h"

    def text(self, labels: Sequence[int]) -> str | None:
        """Return the words; None where the tokens have to say it, or where one is `<unk>`."""
        if not self.has_words or self.of_tokens:
            return None
        words = [self.words[label] for label in labels]
        return None if UNKNOWN_WORD in words else " ".join(words)


def write_graph(
    directory: PathLike, files: Mapping[str, bytes], description: Mapping[str, Any]
) -> None:
    """Write a graph folder; its description is written last, so that no half of one is loaded.

    Raises:
        UserError: the disk is full or may not be written to.
    """
    folder = Path(directory)
    with disk_errors(folder):
        (folder / DESCRIPTION_FILE).unlink(missing_ok=True)
    for name, content in files.items():
        with atomic_writer(folder / name, "wb") as stream:
            stream.write(content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    known = {"format_version": FORMAT_VERSION}
    write_json(folder / DESCRIPTION_FILE, known | dict(description) | {"files_sha256": digests})


def load_graph(directory: PathLike, tokenizer: Tokenizer[Any]) -> DecodingGraph:
    """Load a graph for the tokenizer of a model.

    Raises:
        UserError: it is missing, half-written, damaged, of a newer format or of another tokenizer.
    """
    folder = Path(directory)
    description = _read_description(folder)
    if description["tokenizer_fingerprint"] != tokenizer.fingerprint:
        raise UserError(
            "the graph was made for another tokenizer than the model's",
            where=str(folder),
            todo=_MAKE_AGAIN,
        )
    for name, digest in description["files_sha256"].items():
        _check_file(folder / name, digest)
    # Not splitlines(): words of an ARPA file may hold what Unicode counts as ends of lines.
    lines = (folder / WORDS_FILE).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    path = folder / graph_file(description["type"])
    return DecodingGraph(
        folder=folder,
        kind=description["type"],
        fst=read_const_fst(path),
        arcs=MappedGraph.open(path),
        words=[line.rpartition(" ")[0] for line in lines],
        vocab_size=tokenizer.vocab_size,
        of_tokens=description.get("of_tokens", False),
    )


def graph_file(kind: GraphType) -> str:
    """The name of the file that holds the graph itself."""
    return f"{kind.upper()}.fst"


def _read_description(folder: Path) -> dict[str, Any]:
    source = folder / DESCRIPTION_FILE
    description = read_description(source, "graph", FORMAT_VERSION, "`asr graph` makes one.")
    keys = {"type", "tokenizer_fingerprint", "files_sha256"}
    whole = (
        keys <= description.keys()
        and description["type"] in get_args(GraphType)
        and isinstance(description["files_sha256"], dict)
        and {graph_file(description["type"]), WORDS_FILE} <= description["files_sha256"].keys()
    )
    if not whole:
        raise UserError("is not a graph's description", where=str(source), todo=_MAKE_AGAIN)
    return description


def _check_file(path: Path, digest: str) -> None:
    try:
        with open(path, "rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise UserError("the file does not exist", where=str(path), todo=_MAKE_AGAIN) from error
    if found != digest:
        raise UserError("is not as it was written", where=str(path), todo=_MAKE_AGAIN)

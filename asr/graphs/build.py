"""From a tokenizer, a lexicon and a language model to a graph on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kaldifst
import numpy as np

from asr import __version__
from asr.errors import UserError
from asr.graphs.arcs import EPSILON, Arcs
from asr.graphs.folder import TOKENS_FILE, WORDS_FILE, GraphType, graph_file, write_graph
from asr.graphs.grammar import grammar_fst, symbol_lines
from asr.graphs.lexicon_fst import LabelTable, lexicon_fst
from asr.graphs.topology import token_loop, with_ctc
from asr.ngrams.arpa import read_arpa
from asr.ngrams.model import NgramModel
from asr.ngrams.vocabulary import holds_tokens_alone, plain_words
from asr.text.lexicon import UNKNOWN_WORD, Lexicon, read_lexicon, read_words, spell_words
from asr.text.tokenizers import Tokenizer, load_tokenizer

# kaldifst rounds weights to multiples of this when it compares states; its own, 1/1024, shows.
_DELTA = 2.0**-17

Tell = Callable[[str], None]


@dataclass(frozen=True)
class GraphRequest:
    """What to build.

    Attributes:
        kind: `h`: any tokens; `hl`: words of a lexicon, all alike; `hlg`: with a language model.
        tokenizer: folder.
        output_dir: folder for the graph.
        lexicon: `word token token …` a line; None: the tokenizer spells the words.
        words: transcripts or a list of words; None: those of `arpa`, which may be tokens.
        arpa: language model, for `hlg`.
        unknown_cost: see `lexicon_fst`.
    """

    kind: GraphType
    tokenizer: Path
    output_dir: Path
    lexicon: Path | None = None
    words: Path | None = None
    arpa: Path | None = None
    unknown_cost: float | None = None

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            UserError: it names the option.
        """
        if (self.kind == "hlg") != (self.arpa is not None):
            what = "needs a language model" if self.arpa is None else "takes no language model"
            raise UserError(f"a graph of type {self.kind} {what}", where="--arpa")
        if self.kind == "h":
            given = {"--lexicon": self.lexicon, "--words": self.words}
            for option, value in given.items():
                if value is not None:
                    raise UserError("a graph of type h has no words", where=option)
        if self.lexicon is not None and self.words is not None:
            raise UserError("give either --lexicon or --words", where="--lexicon")
        if self.kind == "hl" and self.lexicon is None and self.words is None:
            raise UserError("a graph of type hl needs --lexicon or --words")
        if self.unknown_cost is not None and self.kind != "hlg":
            what = "only a language model has a place for unknown words"
            raise UserError(what, where="--unknown-cost")


def build_graph(request: GraphRequest, tell: Tell = lambda line: None) -> Path:
    """Build a graph and write its folder, see `asr.graphs.folder`.

    Args:
        request: what to build.
        tell: is told every step, with its seconds and sizes.

    Returns:
        The folder.

    Raises:
        UserError: files are missing, damaged or do not go together.
    """
    request.check()
    tokenizer = load_tokenizer(request.tokenizer)
    files: dict[str, bytes] = {}
    tokens = dict.fromkeys(["<eps>", *tokenizer.tokens])
    token_labels = {token: label for label, token in enumerate(tokens)}
    begun = time.perf_counter()
    lexicon = None
    if request.kind == "h":
        graph, words = token_loop(tokenizer.vocab_size), token_labels
    else:
        model = read_arpa(request.arpa) if request.arpa else None
        lexicon = find_words(request, model, tokenizer, tell)
        spoken = list(lexicon.spellings)
        unknown = [UNKNOWN_WORD] if request.unknown_cost is not None else []
        labels = LabelTable.make(tokenizer.vocab_size, spoken + unknown)
        graph = _word_graph(request, model, tokenizer, lexicon, labels, files, tell)
        words = labels.words
    with _step(tell, "H") as sizes:
        graph = with_ctc(graph)
        files[graph_file(request.kind)] = graph.to_bytes()
        sizes(graph)
    files[WORDS_FILE] = symbol_lines(words).encode()
    files[TOKENS_FILE] = symbol_lines(token_labels).encode()
    description = _describe(request, tokenizer, graph, lexicon)
    write_graph(request.output_dir, files, description)
    size = len(files[graph_file(request.kind)]) / 1e6
    tell(f"{graph_file(request.kind)}: {size:.1f} MB in {time.perf_counter() - begun:.1f} s")
    return request.output_dir


def find_words(
    request: GraphRequest, model: NgramModel | None, tokenizer: Tokenizer[Any], tell: Tell
) -> Lexicon:
    """Return the words to build with: spelled, and known to the language model where there is one.

    Raises:
        UserError: nothing is left of them.
    """
    known = model.words if model else None
    if request.unknown_cost is not None and UNKNOWN_WORD not in (known or []):
        raise UserError(f"the language model has no {UNKNOWN_WORD}", where=str(request.arpa))
    words = plain_words(known or [])
    if request.lexicon:
        lexicon = read_lexicon(request.lexicon, tokenizer)
    elif request.words:
        lexicon = spell_words(read_words(request.words), tokenizer)
    elif holds_tokens_alone(words, tokenizer):
        if request.unknown_cost is not None:
            raise UserError("a language model of tokens knows no words", where="--unknown-cost")
        lexicon = Lexicon.of(words, tokenizer)
    else:
        lexicon = spell_words(words, tokenizer)
    if known is not None:
        lexicon = lexicon.restricted_to(known, "the language model lacks it")
    if not lexicon.spellings:
        what = "the lexicon and the language model have no word in common"
        raise UserError(what, where=str(request.arpa), todo="Compare their letter case.")
    what = "tokens" if lexicon.of_tokens else f"words, {lexicon.num_spellings} spellings"
    tell(f"{len(lexicon.spellings)} {what}")
    if lexicon.left_out:
        word, reason = next(iter(lexicon.left_out.items()))
        tell(f"{len(lexicon.left_out)} words are left out, for instance '{word}': {reason}")
    return lexicon


def _word_graph(
    request: GraphRequest,
    model: NgramModel | None,
    tokenizer: Tokenizer[Any],
    lexicon: Lexicon,
    labels: LabelTable,
    files: dict[str, bytes],
    tell: Tell,
) -> Arcs:
    """Build L or LG, determinised and minimised, its disambiguation symbols removed."""
    with _step(tell, "L") as sizes:
        arcs, num_symbols = lexicon_fst(lexicon, labels, tokenizer, request.unknown_cost)
        files["L.fst"] = arcs.to_bytes()
        fst = arcs.to_fst()
        kaldifst.connect(fst)
        sizes(arcs)
    if model:
        with _step(tell, "G") as sizes:
            grammar = grammar_fst(model, labels, str(request.arpa))
            arcs = Arcs.from_fst(grammar)
            files["G.fst"] = arcs.to_bytes()
            sizes(arcs)
        with _step(tell, "L∘G"):
            kaldifst.arcsort(fst, "olabel")
            kaldifst.arcsort(grammar, "ilabel")
            fst = kaldifst.StdVectorFst(kaldifst.compose(fst, grammar))
    with _step(tell, "determinised and minimised") as sizes:
        kaldifst.determinize_star(fst, delta=_DELTA)
        kaldifst.minimize_encoded(fst, delta=_DELTA)
        arcs = Arcs.from_fst(fst)
        sizes(arcs)
    if arcs.num_states == 0:
        raise UserError("the language model allows no sequence of these words")
    return _without_symbols(arcs, labels, num_symbols)


def _without_symbols(graph: Arcs, labels: LabelTable, num_symbols: int) -> Arcs:
    """Make epsilon of the disambiguation symbols, on both sides."""
    first = labels.disambiguation(0)
    ilabels = np.where(
        (graph.ilabels >= first) & (graph.ilabels < first + num_symbols), EPSILON, graph.ilabels
    )
    olabels = np.where(graph.olabels == labels.backoff_word, EPSILON, graph.olabels)
    # Without a language model nothing has used up the loops of `#0`.
    kept = (graph.sources != graph.targets) | (ilabels != EPSILON)
    columns = (graph.sources, graph.targets, ilabels, olabels, graph.weights)
    return Arcs(graph.start, graph.finals, *(column[kept] for column in columns))


def _describe(
    request: GraphRequest, tokenizer: Tokenizer[Any], graph: Arcs, lexicon: Lexicon | None
) -> dict[str, Any]:
    """Return what `graph.json` says beside the files."""
    sources = {name: getattr(request, name) for name in ("tokenizer", "lexicon", "words", "arpa")}
    return {
        "toolkit_version": __version__,
        "type": request.kind,
        "unknown_cost": request.unknown_cost,
        "states": graph.num_states,
        "arcs": graph.num_arcs,
        "vocab_size": tokenizer.vocab_size,
        "words": len(lexicon.spellings) if lexicon else 0,
        "of_tokens": bool(lexicon and lexicon.of_tokens),
        "words_left_out": len(lexicon.left_out) if lexicon else 0,
        "tokenizer_fingerprint": tokenizer.fingerprint,
        "made_from": {name: str(path) for name, path in sources.items() if path is not None},
    }


@contextmanager
def _step(tell: Tell, name: str) -> Iterator[Callable[[Arcs], None]]:
    """Tell a step's seconds and, when it hands a graph in, that graph's size."""
    begun = time.perf_counter()
    sizes: list[str] = []
    yield lambda arcs: sizes.append(f", {arcs.num_states} states, {arcs.num_arcs} arcs")
    tell(f"{name}: {time.perf_counter() - begun:.1f} s{''.join(sizes)}")

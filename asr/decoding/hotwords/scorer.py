"""Hotwords: phrases that every search is biased to (Le et al. 2021, section 3.2).

`HotwordScorer` is one automaton for all searches. A token sequence gains, in all, the boosts of the
phrases in its text: a boost counts each time the phrase's words stand there in a row, words being
those of `asr.text.scripts.split_words` (`art` is not in `party`; a Han character is a word). Every
occurrence counts, also of phrases that overlap or lie in one another: `new york city` earns the
boosts of `new york`, of `york city` and its own, if all three are on the list.

A phrase's boost is its weight for every token of its usual spelling, spaces aside. It is handed out
letter by letter while the phrase is being matched, however it is cut into tokens, and taken back
when the match breaks; what has been completed stays. See `asr.decoding.hotwords.context_graph`.

`attention` alone counts boosts only as far as CTC has heard what they are for
(`asr.decoding.searches.label_search.ctc.HeardBoosts`); every other method has CTC in its scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from asr.decoding.hotwords.context_graph import (
    AT_BOUNDARY,
    BOUNDARY,
    ROOT,
    ContextGraph,
    LetterTree,
)
from asr.errors import UserError
from asr.text.hotwords import Hotword, read_hotwords
from asr.text.tokenizers import Tokenizer, other_case, unknown_characters


class _Tables(NamedTuple):
    """The automaton over S nodes and V tokens; only A moves differ from what most nodes do."""

    credit: Tensor  # (S,), given back when a node is left
    at_boundary: Tensor  # (S,), 1 where a word has just ended, else 0: a row of the usual moves
    completed: Tensor  # (S,), boosts of the phrases that end if the word ends here
    begins_word: Tensor  # (V,), whether the token ends the word before it
    usual_node: Tensor  # (2, V)
    usual_gain: Tensor  # (2, V), completed phrases and credit of the new node
    first_arc: Tensor  # (S + 1,), place of a node's first special move
    arc: Tensor  # (A + 1,), node * V + token, rising; the last is a sentinel
    arc_node: Tensor  # (A + 1,)
    arc_gain: Tensor  # (A + 1,)

    def to(self, device: torch.device) -> _Tables:
        return _Tables(*(table.to(device) for table in self))


class HotwordScorer:
    """Scores phrases; a `LabelScorer` whose state is a node of the automaton for each hypothesis.

    Args:
        boosts: boost of each phrase, which is written in letters (see `Tokenizer.letters`).
        vocabulary: the letters of each token.
    """

    def __init__(self, boosts: Mapping[str, float], vocabulary: Sequence[str]) -> None:
        self.num_phrases = len(boosts)
        self._vocab_size = len(vocabulary)
        self._tables = {torch.device("cpu"): _tables(ContextGraph(boosts), vocabulary)}

    def initial_state(self, num_hypotheses: int, device: torch.device) -> Any:
        """Return the nodes (N,) of hypotheses without labels."""
        return torch.full((num_hypotheses,), AT_BOUNDARY, device=device)

    def gains(self, state: Any, candidates: Tensor | None) -> Tensor:
        """Return what each next label adds, (N, M) or (N, V)."""
        tables = self._tables_on(state.device)
        if candidates is None:
            gains = tables.usual_gain[tables.at_boundary[state]]
            gains = gains + tables.begins_word * tables.completed[state, None]
            rows, arcs = _arcs_of(tables, state)
            gains[rows, tables.arc[arcs] % self._vocab_size] = tables.arc_gain[arcs]
        else:
            arcs, is_special = self._find(tables, state[:, None], candidates)
            usual = tables.usual_gain[tables.at_boundary[state][:, None], candidates]
            usual = usual + tables.begins_word[candidates] * tables.completed[state, None]
            gains = torch.where(is_special, tables.arc_gain[arcs], usual)
        return gains - tables.credit[state, None]

    def final_gains(self, state: Any) -> Tensor:
        """Return what ending here adds, (N,): the end ends a word."""
        tables = self._tables_on(state.device)
        return tables.completed[state] - tables.credit[state]

    def advance(self, state: Any, rows: Tensor, labels: Tensor) -> Any:
        """Return the nodes (M,) after one more label."""
        tables = self._tables_on(state.device)
        nodes, known = state[rows], labels.clamp(min=0)
        arcs, is_special = self._find(tables, nodes, known)
        usual = tables.usual_node[tables.at_boundary[nodes], known]
        moved = torch.where(is_special, tables.arc_node[arcs], usual)
        return torch.where(labels < 0, nodes, moved)

    def _find(self, tables: _Tables, nodes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the place of each special move, and whether the move is one."""
        wanted = nodes * self._vocab_size + labels
        arcs = torch.searchsorted(tables.arc, wanted)
        return arcs, tables.arc[arcs] == wanted

    def _tables_on(self, device: torch.device) -> _Tables:
        if device not in self._tables:
            self._tables[device] = self._tables[torch.device("cpu")].to(device)
        return self._tables[device]


def _arcs_of(tables: _Tables, nodes: Tensor) -> tuple[Tensor, Tensor]:
    """Return, for all special moves of nodes (N,), the row in `nodes` and the place of the move."""
    first = tables.first_arc[nodes]
    counts = tables.first_arc[nodes + 1] - first
    rows = torch.arange(len(nodes), device=nodes.device).repeat_interleave(counts)
    before = counts.cumsum(0) - counts
    return rows, torch.arange(len(rows), device=nodes.device) + (first - before)[rows]


def _tables(graph: ContextGraph, vocabulary: Sequence[str]) -> _Tables:
    usual = [[graph.move(node, letters) for letters in vocabulary] for node in (ROOT, AT_BOUNDARY)]
    tree = LetterTree(vocabulary)
    first_arc, arcs, moves = [0], [], []
    for node in range(len(graph)):
        special = graph.special_tokens(node, tree)
        arcs += [node * len(vocabulary) + token for token in special]
        moves += [graph.move(node, vocabulary[token]) for token in special]
        first_arc.append(len(arcs))
    arcs.append(len(graph) * len(vocabulary))
    moves.append(graph.move(ROOT, ""))

    def gain(move: Any) -> float:
        return float(move.completed + graph.credit[move.node])

    return _Tables(
        credit=torch.tensor(graph.credit),
        at_boundary=torch.tensor(graph.ends_word, dtype=torch.long),
        completed=torch.tensor(
            [graph.move(node, BOUNDARY).completed for node in range(len(graph))]
        ),
        begins_word=torch.tensor([letters[:1] == BOUNDARY for letters in vocabulary]),
        usual_node=torch.tensor([[move.node for move in row] for row in usual]),
        usual_gain=torch.tensor([[gain(move) for move in row] for row in usual]),
        first_arc=torch.tensor(first_arc),
        arc=torch.tensor(arcs),
        arc_node=torch.tensor([move.node for move in moves]),
        arc_gain=torch.tensor([gain(move) for move in moves]),
    )


def load_hotwords(path: Path, tokenizer: Tokenizer[Any]) -> HotwordScorer:
    """Read a file of hotwords (`asr.text.hotwords`) for the vocabulary of `tokenizer`.

    Raises:
        UserError: as `read_hotwords` and `hotword_scorer`.
    """
    return hotword_scorer(read_hotwords(path), tokenizer, where=str(path))


def hotword_scorer(
    hotwords: Sequence[Hotword], tokenizer: Tokenizer[Any], where: str = ""
) -> HotwordScorer:
    """Spell phrases as the tokenizer does, normalised, and build their automaton.

    Of phrases that are one when normalised, the greatest weight counts.

    Raises:
        UserError: a phrase is empty when normalised, or has characters that the vocabulary lacks.
    """
    vocabulary = [tokenizer.letters(token) for token in range(tokenizer.vocab_size)]
    boosts: dict[str, float] = {}
    for hotword in hotwords:
        tokens = tokenizer.encode(hotword.phrase)
        _check_spelling(hotword.phrase, tokens, tokenizer, where)
        letters = _as_phrase("".join(vocabulary[token] for token in tokens))
        length = sum(vocabulary[token] != BOUNDARY for token in tokens)
        boosts[letters] = max(boosts.get(letters, 0.0), hotword.weight * length)
    return HotwordScorer(boosts, vocabulary)


def _as_phrase(letters: str) -> str:
    words = [word for word in letters.split(BOUNDARY) if word]
    return BOUNDARY + BOUNDARY.join(words) + BOUNDARY


def _check_spelling(phrase: str, tokens: list[int], tokenizer: Tokenizer[Any], where: str) -> None:
    if not tokens:
        what = f"nothing is left of the phrase '{phrase}' when it is normalised"
        raise UserError(what, where=where, todo="Leave it out.")
    if tokenizer.unk_id in tokens:
        missing = sorted(unknown_characters(tokenizer, [phrase]))
        case = other_case(tokenizer, missing)
        names = ", ".join("a space" if character == " " else character for character in missing)
        raise UserError(
            f"the phrase '{phrase}' cannot be spelled: the model does not know {names}",
            where=where,
            todo=f"Write it in {case}."
            if case
            else "Write it as the transcripts of the training do, or leave it out.",
        )

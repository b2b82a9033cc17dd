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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from asr.decoding.hotwords.context_graph import AT_BOUNDARY, BOUNDARY
from asr.decoding.hotwords.tables import Tables, build_tables
from asr.errors import UserError
from asr.text.hotwords import Hotword, read_hotwords
from asr.text.tokenizers import Tokenizer, other_case, unknown_characters


class _Tables(NamedTuple):
    """What `build_tables` returns, on a device."""

    credit: Tensor
    at_boundary: Tensor
    completed: Tensor
    begins_word: Tensor
    usual_node: Tensor
    usual_gain: Tensor
    first_arc: Tensor
    arc: Tensor
    arc_node: Tensor
    arc_gain: Tensor

    def to(self, device: torch.device) -> _Tables:
        return _Tables(*(table.to(device) for table in self))


@dataclass(frozen=True)
class SpelledPhrases:
    """Phrases in the letters of a vocabulary.

    Attributes:
        boosts: of each phrase, which is written in letters (see `Tokenizer.letters`).
        vocabulary: the letters of each token.
    """

    boosts: Mapping[str, float]
    vocabulary: Sequence[str]


class HotwordScorer:
    """Scores phrases; a `LabelScorer` whose state is a node of the automaton for each hypothesis.

    Args:
        boosts: boost of each phrase, which is written in letters (see `Tokenizer.letters`).
        vocabulary: the letters of each token.
        tables: what `build_tables` makes of them, where that was done elsewhere.
    """

    def __init__(
        self,
        boosts: Mapping[str, float],
        vocabulary: Sequence[str],
        tables: Tables | None = None,
    ) -> None:
        self.num_phrases = len(boosts)
        self._vocab_size = len(vocabulary)
        arrays = build_tables(boosts, vocabulary) if tables is None else tables
        on_cpu = _Tables(**{name: torch.from_numpy(array) for name, array in arrays.items()})
        self._tables = {torch.device("cpu"): on_cpu}

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

    Raises:
        UserError: as `spell_phrases`.
    """
    spelled = spell_phrases(hotwords, tokenizer, token_letters(tokenizer), where)
    return HotwordScorer(spelled.boosts, spelled.vocabulary)


def token_letters(tokenizer: Tokenizer[Any]) -> list[str]:
    """Return the letters of each token of a vocabulary."""
    return [tokenizer.letters(token) for token in range(tokenizer.vocab_size)]


def spell_phrases(
    hotwords: Sequence[Hotword],
    tokenizer: Tokenizer[Any],
    vocabulary: Sequence[str],
    where: str = "",
) -> SpelledPhrases:
    """Spell phrases as the tokenizer does, normalised.

    Args:
        vocabulary: what `token_letters` says of the tokenizer.

    Of phrases that are one when normalised, the greatest weight counts.

    Raises:
        UserError: a phrase is empty when normalised, or has characters that the vocabulary lacks.
    """
    boosts: dict[str, float] = {}
    for hotword in hotwords:
        tokens = tokenizer.encode(hotword.phrase)
        _check_spelling(hotword.phrase, tokens, tokenizer, where)
        letters = _as_phrase("".join(vocabulary[token] for token in tokens))
        length = sum(vocabulary[token] != BOUNDARY for token in tokens)
        boosts[letters] = max(boosts.get(letters, 0.0), hotword.weight * length)
    return SpelledPhrases(boosts, vocabulary)


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

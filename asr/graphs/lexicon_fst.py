"""L: from tokens to words (Mohri et al. 2002, section 3.1).

Disambiguation symbols, tokens of their own, end the spellings that are another word's spelling or
begin one, so that the graph can be determinised; `#0` stands wherever the language model may back
off. They are removed when the graph is finished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from asr.errors import UserError
from asr.graphs.arcs import EPSILON, ArcList, Arcs
from asr.text.lexicon import UNKNOWN_WORD, Lexicon
from asr.text.scripts import is_cjk
from asr.text.symbols import SPECIAL_TOKENS
from asr.text.tokenizers import ByteBpeTokenizer, Tokenizer
from asr.text.tokenizers.base import SPACE_TOKEN


@dataclass(frozen=True)
class LabelTable:
    """The numbers that stand for tokens and words in a graph.

    Attributes:
        vocab_size: of the tokenizer; a token's label is its id plus one.
        words: every word's label; `<eps>` is 0, `#0` comes last but two, then `<s>` and `</s>`.
    """

    vocab_size: int
    words: dict[str, int]

    @classmethod
    def make(cls, vocab_size: int, words: Iterable[str]) -> LabelTable:
        symbols = ["<eps>", *words, "#0", "<s>", "</s>"]
        return cls(vocab_size, {word: label for label, word in enumerate(symbols)})

    def disambiguation(self, number: int) -> int:
        """The input label of `#number`."""
        return self.vocab_size + 1 + number

    @property
    def backoff_word(self) -> int:
        """The output label of `#0`."""
        return self.words["#0"]


@dataclass(frozen=True)
class _Joints:
    """The states between words, by the script of the words around them.

    Without a token for the space all are one state. With one, no space stands between two words
    of Han or kana, and one between any others; neither before the first word nor after the last.
    """

    begin: dict[bool, int]  # where a word begins, by whether its first character is Han or kana
    end: dict[bool, int]  # where a word ends, by its last character

    @classmethod
    def make(cls, graph: ArcList, labels: LabelTable, space_id: int | None) -> _Joints:
        start = graph.state(final=0.0)
        ends = {start}
        if space_id is None:
            joints = cls({False: start, True: start}, {False: start, True: start})
        else:
            space = space_id + 1
            begin = {cjk: graph.state() for cjk in (False, True)}
            end = {cjk: graph.state(final=0.0) for cjk in (False, True)}
            for before in (False, True):
                graph.arc(start, begin[before], EPSILON)
                for after in (False, True):
                    together = before and after
                    graph.arc(end[before], begin[after], EPSILON if together else space)
            joints = cls(begin, end)
            ends.update(end.values())
        for state in sorted(ends):
            graph.arc(state, state, labels.disambiguation(0), labels.backoff_word)
        return joints


def lexicon_fst(
    lexicon: Lexicon,
    labels: LabelTable,
    tokenizer: Tokenizer[Any],
    unknown_cost: float | None = None,
) -> tuple[Arcs, int]:
    """Build L.

    Args:
        lexicon: the words; all are in `labels`.
        labels: of the graph.
        tokenizer: says how words are kept apart.
        unknown_cost: natural logarithm that each token of a word outside of the lexicon costs; such
            a word is `<unk>` to the language model. None allows the words of the lexicon only.

    Returns:
        L, and how many disambiguation symbols it uses, `#0` included.

    Raises:
        UserError: words cannot be spelled freely with this tokenizer.
    """
    graph = ArcList()
    joints = _Joints.make(graph, labels, None if lexicon.of_tokens else tokenizer.space_id)
    last_symbol = 0
    for word, spelling, symbol in _disambiguated(lexicon):
        last_symbol = max(last_symbol, symbol)
        tokens = [token + 1 for token in spelling]
        if symbol:
            tokens.append(labels.disambiguation(symbol))
        source, output = joints.begin[is_cjk(word[0])], labels.words[word]
        for token in tokens[:-1]:
            target = graph.state()
            graph.arc(source, target, token, output)
            source, output = target, EPSILON
        graph.arc(source, joints.end[is_cjk(word[-1])], tokens[-1], output)
    if unknown_cost is not None:
        last_symbol += 1
        _spell_freely(graph, joints, labels, tokenizer, last_symbol, unknown_cost)
    return graph.arcs(start=0), last_symbol + 1


def _disambiguated(lexicon: Lexicon) -> Iterable[tuple[str, tuple[int, ...], int]]:
    """Yield each word, spelling and the number of the symbol that must end it, 0 for none."""
    entries = [(word, s) for word, spellings in lexicon.spellings.items() for s in spellings]
    counts = Counter(spelling for _, spelling in entries)
    beginnings = {spelling[:n] for spelling in counts for n in range(1, len(spelling))}
    used: Counter[tuple[int, ...]] = Counter()
    for word, spelling in entries:
        if counts[spelling] > 1 or spelling in beginnings:
            used[spelling] += 1
        yield word, spelling, used[spelling]


def _spell_freely(
    graph: ArcList,
    joints: _Joints,
    labels: LabelTable,
    tokenizer: Tokenizer[Any],
    symbol: int,
    cost: float,
) -> None:
    """Add `<unk>`: one Han or kana token, or any other tokens that may make a word."""
    if isinstance(tokenizer, ByteBpeTokenizer):
        raise UserError(
            "words cannot be spelled freely from bytes", todo="Leave --unknown-cost out."
        )
    ending = labels.disambiguation(symbol)
    unknown = labels.words[UNKNOWN_WORD]
    tokens = [
        (label, token)
        for label, token in enumerate(tokenizer.tokens, start=1)
        if token not in SPECIAL_TOKENS and label - 1 != tokenizer.space_id
    ]
    shows_beginning = tokenizer.space_id is None and any(t[0] == SPACE_TOKEN for _, t in tokens)
    letters, character = graph.state(), graph.state()
    graph.arc(letters, joints.end[False], ending)
    graph.arc(character, joints.end[True], ending)
    for label, token in tokens:
        if is_cjk(token[0]):
            graph.arc(joints.begin[True], character, label, unknown, cost)
            continue
        begins = token[0] == SPACE_TOKEN
        if begins or not shows_beginning:
            graph.arc(joints.begin[False], letters, label, unknown, cost)
        if not begins:
            graph.arc(letters, letters, label, EPSILON, cost)

"""An Aho-Corasick automaton over letters that is read token by token.

Phrases are kept as letters, with a `▁` before and after every word (`Tokenizer.letters`). Aho and
Corasick (1975) give the automaton that knows, after any letters, the longest beginning of a phrase
that they end with, and which phrases have just been completed. A token is a short row of letters,
so that its transition is theirs one after the other: a phrase is found however it is spelled, and
only as whole words.

**Scores.** Every completed phrase is worth its boost, for good. A node that is part of the way into
phrases has a credit: the share of the boost that the letters matched so far make, of the phrase for
which that is most. A transition gains the boosts of the phrases it completes and the credit of the
node it leads to, and gives back the credit of the node it leaves. Credits cancel out along any
path, so that all gains of a token sequence, the end giving the last credit back, come to the sum of
the boosts of the phrases in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

BOUNDARY = "▁"
ROOT, AT_BOUNDARY = 0, 1  # nodes: nothing matched; between two words, nothing else matched


@dataclass(frozen=True)
class Move:
    """Where a token leads from a node, and the boosts of the phrases completed on the way."""

    node: int
    completed: float


class ContextGraph:
    """The automaton of a set of phrases.

    Args:
        boosts: boost of each phrase in letters, `▁new▁york▁`.

    Attributes:
        credit: of each node.
        ends_word: whether the last letter of each node is `▁`.
    """

    def __init__(self, boosts: Mapping[str, float]) -> None:
        self._children: list[dict[str, int]] = [{}]
        self._fail = [ROOT]
        self._breadth_first: list[int] = []
        self._completed = [0.0]
        self.credit = [0.0]
        self.ends_word = [False]
        self._child(ROOT, BOUNDARY)
        for phrase, boost in boosts.items():
            self._insert(phrase, boost)
        self._link()

    def __len__(self) -> int:
        return len(self._children)

    def move(self, node: int, letters: str) -> Move:
        """Read the letters of one token."""
        completed = 0.0
        for letter in letters:
            if letter == BOUNDARY and self.ends_word[node]:
                continue
            while letter not in self._children[node] and node != ROOT:
                node = self._fail[node]
            node = self._children[node].get(letter, ROOT)
            completed += self._completed[node]
        return Move(node, completed)

    def all_special_tokens(self, tokens: LetterTree) -> list[list[int]]:
        """Return of each node the tokens that it may treat otherwise than `ROOT` or, at the end of
        a word, `AT_BOUNDARY`: those that take a match further, and those that complete one on the
        way.

        What the first letter completes, being a `▁`, is left aside: it depends on the node alone.
        """
        found: list[set[int]] = [set() for _ in self._children]
        for node in self._breadth_first:  # the longest suffix of a node is nearer to the root
            if node not in (ROOT, AT_BOUNDARY):
                found[node] = found[self._fail[node]].union(self._further(node, tokens))
        return [sorted(special) for special in found]

    def _further(self, start: int, tokens: LetterTree) -> Iterator[int]:
        stack = [(start, tokens)]
        while stack:
            node, tree = stack.pop()
            yield from tree.ending_here
            if self.ends_word[node] and BOUNDARY in tree.children:
                stack.append((node, tree.children[BOUNDARY]))
            for letter, child in self._children[node].items():
                if letter in tree.children:
                    subtree = tree.children[letter]
                    stack.append((child, subtree))
                    if letter == BOUNDARY and tree is not tokens:
                        yield from subtree.all_tokens()

    def _child(self, node: int, letter: str) -> int:
        if letter not in self._children[node]:
            self._children[node][letter] = len(self._children)
            self._children.append({})
            self._fail.append(ROOT)
            self._completed.append(0.0)
            self.credit.append(0.0)
            self.ends_word.append(letter == BOUNDARY)
        return self._children[node][letter]

    def _insert(self, phrase: str, boost: float) -> None:
        total = sum(letter != BOUNDARY for letter in phrase)
        node, matched = ROOT, 0
        for letter in phrase[:-1]:
            node = self._child(node, letter)
            matched += letter != BOUNDARY
            self.credit[node] = max(self.credit[node], boost * matched / total)
        self._completed[self._child(node, phrase[-1])] += boost

    def _link(self) -> None:
        """Find each node's longest suffix that is a node, and take over what that completes."""
        queue = deque(self._children[ROOT].values())
        while queue:
            node = queue.popleft()
            self._breadth_first.append(node)
            self._completed[node] += self._completed[self._fail[node]]
            self.credit[node] = max(self.credit[node], self.credit[self._fail[node]])
            for letter, child in self._children[node].items():
                suffix = self._fail[node]
                while letter not in self._children[suffix] and suffix != ROOT:
                    suffix = self._fail[suffix]
                self._fail[child] = self._children[suffix].get(letter, ROOT)
                queue.append(child)


class LetterTree:
    """The letters of a vocabulary as a tree.

    Attributes:
        ending_here: the tokens whose letters are those from the root to here.
    """

    def __init__(self, vocabulary: Sequence[str] = ()) -> None:
        self.children: dict[str, LetterTree] = {}
        self.ending_here: list[int] = []
        for token, letters in enumerate(vocabulary):
            tree = self
            for letter in letters:
                tree = tree.children.setdefault(letter, LetterTree())
            tree.ending_here.append(token)

    def all_tokens(self) -> Iterator[int]:
        """Yield the tokens from here on."""
        yield from self.ending_here
        for child in self.children.values():
            yield from child.all_tokens()

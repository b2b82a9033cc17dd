"""ARPA files by their definition, in plain Python: dictionaries, and recursion for backoff."""

from __future__ import annotations

import math
import random
from pathlib import Path

WORDS = ["a", "b", "ab", "ba", "cab"]


class ArpaReference:
    """The n-grams of an ARPA file.

    Args:
        path: of an uncompressed file without faults.
    """

    def __init__(self, path: Path) -> None:
        self.log_probs: dict[tuple[str, ...], float] = {}
        self.backoffs: dict[tuple[str, ...], float] = {}
        self.order = 0
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.endswith("-grams:"):
                self.order = int(line[1:-7])
            elif self.order and line and not line.startswith("\\"):
                log_prob, *rest = line.split()
                words = tuple(rest[: self.order])
                self.log_probs[words] = float(log_prob) * math.log(10)
                self.backoffs[words] = float((*rest, 0)[self.order]) * math.log(10)
        self.words = [w for (w,) in (n for n in self.log_probs if len(n) == 1)]
        known = [
            p for n, p in self.log_probs.items() if len(n) == 1 and n[0] not in ("<s>", "<unk>")
        ]
        self.floor = min(known)

    def score(self, history: tuple[str, ...], word: str) -> float:
        """The log-probability of `word` after all of `history`."""
        history = history[max(0, len(history) - self.order + 1) :]
        if (word,) not in self.log_probs:
            word = "<unk>"
        if (*history, word) in self.log_probs:
            return self.log_probs[(*history, word)]
        if not history:
            return self.floor  # a model without <unk>
        return self.backoffs.get(history, 0.0) + self.score(history[1:], word)

    def sentence(self, words: list[str], end: bool = True) -> float:
        """The log-probability of a sentence."""
        known = [w if (w,) in self.log_probs else "<unk>" for w in words]
        history, total = ("<s>",), 0.0
        for word in [*known, "</s>"] if end else known:
            total += self.score(history, word)
            history = (*history, word)
        return total


def write_random_arpa(
    path: Path,
    words: list[str],
    order: int,
    seed: int,
    unknown: bool = True,
    dense: float = 0.4,
    closed: bool = False,
) -> Path:
    """Write a model with random n-grams and weights, whose probabilities sum to nothing special.

    Every n-gram's context is there; its words without the first are there if `closed`.
    """
    draw = random.Random(seed)
    levels = [[("<s>",), *((w,) for w in words), ("</s>",)]]
    if unknown:
        levels[0].insert(0, ("<unk>",))
    for _ in range(order - 1):
        contexts = [n for n in levels[-1] if n[-1] != "</s>"]
        longer = [(*c, w) for c in contexts for w in [*words, "</s>"] if draw.random() < dense]
        levels.append([n for n in longer if not closed or n[1:] in levels[-1]])
    lines = ["\\data\\"]
    lines += [f"ngram {n}={len(level)}" for n, level in enumerate(levels, start=1)]
    for n, level in enumerate(levels, start=1):
        lines += ["", f"\\{n}-grams:"]
        for ngram in level:
            log_prob = "-99" if ngram == ("<s>",) else f"{-draw.uniform(0.1, 3):.6f}"
            weight = f"\t{draw.uniform(-1, 0.5):.6f}" if n < order and draw.random() < 0.7 else ""
            lines.append(f"{log_prob}\t{' '.join(ngram)}{weight}")
    path.write_text("\n".join([*lines, "", "\\end\\", ""]), encoding="utf-8")
    return path

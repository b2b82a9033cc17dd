"""Text as token ids in two flat arrays: what a language model is trained and measured on.

A corpus of some hundred MB is a few tens of millions of tokens, four bytes each; every process of
a training maps the same files.
"""

from __future__ import annotations

import hashlib
import logging
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asr.errors import UserError
from asr.files import atomic_writer, read_json, write_json
from asr.progress import progress_bar
from asr.text.scripts import split_words
from asr.text.symbols import UNK_ID
from asr.text.tokenizers import Tokenizer
from asr.text.transcripts import read_transcripts

logger = logging.getLogger("asr.training")


@dataclass(frozen=True)
class TokenCorpus:
    """N sentences of token ids, none of them empty.

    Attributes:
        tokens: int32 (T,), the sentences one after the other, without `<sos/eos>`.
        offsets: int64 (N + 1,), where each begins.
        num_words: of the text; a Han or kana character is a word.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    num_words: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sentence, (N,)."""
        return np.diff(self.offsets)

    def sentence(self, index: int) -> np.ndarray:
        """Return the token ids of one sentence."""
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]


def encode_corpus(
    texts: Iterable[str], tokenizer: Tokenizer[Any], max_tokens: int, total: int | None = None
) -> TokenCorpus:
    """Spell texts; one that is longer than `max_tokens` becomes several sentences.

    Args:
        total: how many texts there are, for the progress bar.
    """
    tokens, offsets, words = array("i"), array("q", [0]), 0
    with progress_bar(total, " lines", "tokens") as bar:
        for text in texts:
            ids = tokenizer.encode(text)
            words += len(split_words(tokenizer.canonical(text)))
            for first in range(0, len(ids), max_tokens):
                tokens.extend(ids[first : first + max_tokens])
                offsets.append(len(tokens))
            bar.update()
    return TokenCorpus(
        np.frombuffer(tokens, dtype=np.int32) if tokens else np.zeros(0, np.int32),
        np.frombuffer(offsets, dtype=np.int64),
        words,
    )


def describe_texts(paths: Sequence[Path]) -> dict[str, Any]:
    """Return number and a hash of the lines of text files.

    Raises:
        UserError: a file is missing or no text, or all are empty.
    """
    digest, lines = hashlib.sha256(), 0
    for text in read_transcripts(paths):
        digest.update(text.encode() + b"\n")
        lines += 1
    if not lines:
        raise UserError(
            "holds no text",
            where=", ".join(str(path) for path in paths),
            todo="Give files with one sentence a line, or lhotse manifests (.jsonl).",
        )
    return {"lines": lines, "sha256": digest.hexdigest()}


def store_corpus(
    folder: Path,
    split: str,
    paths: Sequence[Path],
    described: dict[str, Any],
    tokenizer: Tokenizer[Any],
    max_tokens: int,
) -> None:
    """Spell text files into `folder`, unless that was done before; read it with `load_corpus`.

    Args:
        described: what `describe_texts` says of the files.

    Raises:
        UserError: nothing that the tokenizer spells is in the files, or the disk is full.
    """
    source = {**described, "max_tokens": max_tokens, "vocab_size": tokenizer.vocab_size}
    description = folder / f"{split}.json"
    if description.exists() and read_json(description)["source"] == source:
        return
    corpus = encode_corpus(read_transcripts(paths), tokenizer, max_tokens, described["lines"])
    if not len(corpus):
        where = ", ".join(str(path) for path in paths)
        raise UserError("nothing is left of this text once it is normalised", where=where)
    for name in ("tokens", "offsets"):
        with atomic_writer(folder / f"{split}.{name}.npy", "wb") as stream:
            np.save(stream, getattr(corpus, name))
    unknown = float(np.mean(corpus.tokens == UNK_ID))
    counts = {"sentences": len(corpus), "words": corpus.num_words, "tokens": len(corpus.tokens)}
    write_json(description, {"source": source, **counts, "unknown_share": unknown})
    logger.info(
        "%s text: %d sentences, %d words, %d tokens, %.2f %% of them <unk>",
        split, *counts.values(), 100 * unknown,
    )  # fmt: skip


def load_corpus(folder: Path, split: str) -> TokenCorpus:
    """Map what `store_corpus` wrote."""
    tokens, offsets = (
        np.load(folder / f"{split}.{name}.npy", mmap_mode="r") for name in ("tokens", "offsets")
    )
    return TokenCorpus(tokens, offsets, read_json(folder / f"{split}.json")["words"])

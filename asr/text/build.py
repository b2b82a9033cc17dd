"""From transcripts to a tokenizer on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from asr.config.base import Params
from asr.files import PathLike
from asr.text.scripts import split_words
from asr.text.tokenizers import Tokenizer, train_tokenizer, unknown_characters
from asr.text.transcripts import read_transcripts


@dataclass(frozen=True)
class TokenizerReport:
    """A tokenizer and how it spells the text it was trained on.

    Attributes:
        transcripts, words, tokens: counts over that text; a Han or kana character is one word.
        unknown: characters that became `<unk>`, with their counts.
    """

    tokenizer: Tokenizer[Any]
    transcripts: int
    words: int
    tokens: int
    unknown: Counter[str]

    @property
    def tokens_per_word(self) -> float:
        return self.tokens / self.words


def build_tokenizer(
    name: str, params: Params, text_files: Iterable[PathLike], output_dir: PathLike
) -> TokenizerReport:
    """Train the tokenizer called `name` on transcript files and save it in `output_dir`.

    Raises:
        UserError: see `read_transcripts` and `train_tokenizer`.
    """
    texts = list(read_transcripts(text_files))
    tokenizer = train_tokenizer(name, params, texts)
    tokenizer.save(output_dir)
    return TokenizerReport(
        tokenizer=tokenizer,
        transcripts=len(texts),
        words=sum(len(split_words(text)) for text in texts),
        tokens=sum(len(tokenizer.encode(text)) for text in texts),
        unknown=unknown_characters(tokenizer, texts),
    )

"""Parameters of the tokenizers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from asr.config.base import Params

NormaliserName = Literal["none", "basic", "plain", "english", "english-folded", "mandarin", "mixed"]


class TokenizerParams(Params):
    """What every tokenizer has."""

    normaliser: NormaliserName = Field(
        "none", description="applied to transcripts before they are spelled; see docs/text.md"
    )


class CharTokenizerParams(TokenizerParams):
    """One token a character."""

    min_count: int = Field(1, ge=1, description="characters seen less often than this become <unk>")


class BpeTokenizerParams(TokenizerParams):
    """Subwords by sentencepiece."""

    vocab_size: int = Field(500, ge=8, description="all ids, the three special tokens included")
    model_type: Literal["unigram", "bpe"] = "unigram"
    character_coverage: float = Field(
        1.0, ge=0.98, le=1.0, description="share of the text's characters that get a token"
    )


class MixedTokenizerParams(BpeTokenizerParams):
    """Characters for Han and kana, subwords for the rest.

    `vocab_size` counts the special tokens and the subwords; every Han or kana character of the
    training text comes on top.
    """


class ByteBpeTokenizerParams(TokenizerParams):
    """Byte pair encoding over the bytes of UTF-8 by sentencepiece: no text has unknown tokens.

    A Han or kana character is one token where it is frequent, two or three otherwise.
    """

    vocab_size: int = Field(
        500, ge=256, description="all ids: three special tokens, every byte, subwords"
    )


TOKENIZERS: dict[str, type[Params]] = {
    "CharTokenizer": CharTokenizerParams,
    "BpeTokenizer": BpeTokenizerParams,
    "MixedTokenizer": MixedTokenizerParams,
    "ByteBpeTokenizer": ByteBpeTokenizerParams,
}

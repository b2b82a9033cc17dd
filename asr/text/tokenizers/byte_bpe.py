"""Subwords over the bytes of UTF-8 (Wang et al., 2019, https://arxiv.org/abs/1909.03341)."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from asr.config.tokenizer import BpeTokenizerParams, ByteBpeTokenizerParams
from asr.text.scripts import is_cjk, space_scripts, split_cjk
from asr.text.symbols import SPECIAL_TOKENS
from asr.text.tokenizers.base import (
    NO_LETTER,
    SPACE_TOKEN,
    Span,
    Tokenizer,
    canonical_texts,
)
from asr.text.tokenizers.bpe import SubwordModel

_SPACE = ord(" ")
# Visible ASCII stands for itself, any other byte for the letter 256 code points above it.
_SYMBOLS = [
    " " if byte == _SPACE else chr(byte) if 0x20 < byte < 0x7F else chr(0x100 + byte)
    for byte in range(256)
]
_BYTES = {symbol: byte for byte, symbol in enumerate(_SYMBOLS)} | {SPACE_TOKEN: _SPACE}
_OTHER_WHITE_SPACE = {byte for byte in range(128) if chr(byte).isspace() and byte != _SPACE}
_NEVER_IN_UTF8 = {0xC0, 0xC1, *range(0xF5, 0x100)}
_FIRST_OF_CJK = {*range(0xE3, 0xEA), 0xF0}  # U+3000 to U+9FFF, and the later planes
# Training text that holds every symbol: sentencepiece's `required_chars` drops what does not occur.
_EVERY_SYMBOL = [
    symbol if symbol != " " else " a"
    for byte, symbol in enumerate(_SYMBOLS)
    if byte not in _OTHER_WHITE_SPACE | _NEVER_IN_UTF8
]


class ByteBpeTokenizer(Tokenizer[ByteBpeTokenizerParams]):
    """Every byte of UTF-8 has a token, so that no text has unknown tokens.

    A token is one or more bytes of one Han or kana character, or of one word of another script;
    it may end inside a character. Spaces at a change of script carry no token: text is read and
    written by the rule of `asr.text.scripts.space_scripts`, as `MixedTokenizer` does.
    """

    def __init__(self, params: ByteBpeTokenizerParams, model: SubwordModel) -> None:
        super().__init__(params, model.pieces)
        self._model = model

    @classmethod
    def train(cls, texts: Iterable[str], params: ByteBpeTokenizerParams) -> ByteBpeTokenizer:
        segments = [s for text in canonical_texts(cls, texts, params) for s in _segments(text)]
        # Not unigram: it looks for pieces in distinct segments, and a Han character is one of them.
        subwords = BpeTokenizerParams(vocab_size=params.vocab_size, model_type="bpe")
        model = SubwordModel.train(
            segments + _EVERY_SYMBOL,
            subwords,
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            split_by_unicode_script=False,  # of the symbols, which says nothing of the bytes
            split_by_number=False,
        )
        return cls(params, model)

    @classmethod
    def restore(
        cls, directory: Path, params: ByteBpeTokenizerParams, tokens: Sequence[str]
    ) -> ByteBpeTokenizer:
        return cls(params, SubwordModel.read(directory))

    def model_files(self) -> dict[str, bytes]:
        return self._model.files()

    @classmethod
    def spaced(cls, text: str) -> str:
        return space_scripts(super().spaced(text))

    def spells(self, character: str) -> bool:
        return True

    def letters(self, token_id: int) -> str:
        """As for every tokenizer, a letter being a byte.

        A word begins with every byte that begins a Han or kana character, also in those few
        characters of other scripts (the symbols of U+3000, emoji) that begin with the same byte.
        """
        if token_id < len(SPECIAL_TOKENS):
            return NO_LETTER
        symbols = self.tokens[token_id]
        return "".join(f"{SPACE_TOKEN}{s}" if _BYTES[s] in _FIRST_OF_CJK else s for s in symbols)

    def _encode(self, text: str) -> list[int]:
        return [token for segment in _segments(text) for token in self._model.encode(segment)]

    def _decode(self, ids: list[int]) -> str:
        """Text of any tokens, in whatever order a search put them.

        Bytes that form no character are left out. The text then holds as many characters as any
        choice of bytes to leave out can give, which is what the dynamic programming of Li et al.
        (2019, https://arxiv.org/abs/1811.09021) searches for: characters of UTF-8 cannot overlap,
        so that none has to be given up for another.
        """
        symbols = "".join(self.tokens[token] for token in ids)
        return bytes(_BYTES[symbol] for symbol in symbols).decode("utf-8", errors="ignore")

    def _spelled(self, ids: list[int]) -> Iterator[Span]:
        owners = [place for place, token in enumerate(ids) for _ in self.tokens[token]]
        symbols = "".join(self.tokens[token] for token in ids)
        decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
        for place, symbol in enumerate(symbols):
            for character in decoder.decode(bytes([_BYTES[symbol]])):
                first = place + 1 - len(character.encode())
                yield Span(character, owners[first], owners[place])


def _segments(text: str) -> list[str]:
    """Spell each Han or kana character, and each run of others behind a space, in symbols."""
    return [_spell(s if is_cjk(s) else f" {s.strip()}") for s in split_cjk(text) if s.strip()]


def _spell(text: str) -> str:
    return "".join(_SYMBOLS[byte] for byte in text.encode())

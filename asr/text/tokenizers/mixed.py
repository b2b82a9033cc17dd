"""Characters for Han and kana, subwords for the rest: code-switched speech."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from asr.config.tokenizer import MixedTokenizerParams
from asr.errors import UserError
from asr.text.scripts import is_cjk, space_scripts, split_cjk
from asr.text.tokenizers.base import Tokenizer, canonical_texts
from asr.text.tokenizers.bpe import BpeTokenizer


class MixedTokenizer(Tokenizer[MixedTokenizerParams]):
    """The ids of a `BpeTokenizer`, followed by one a Han or kana character.

    Spaces at a change of script carry no token: text is read and written by the rule of
    `asr.text.scripts.space_scripts`, whatever the transcripts did.
    """

    def __init__(
        self, params: MixedTokenizerParams, subwords: BpeTokenizer, characters: Sequence[str]
    ) -> None:
        super().__init__(params, subwords.tokens + list(characters))
        self._subwords = subwords
        self._ids = {c: i for i, c in enumerate(characters, start=subwords.vocab_size)}

    @classmethod
    def train(cls, texts: Iterable[str], params: MixedTokenizerParams) -> MixedTokenizer:
        segments = [s for text in canonical_texts(cls, texts, params) for s in split_cjk(text)]
        characters = sorted({s for s in segments if is_cjk(s)})
        others = [s for s in segments if not is_cjk(s)]
        if not others:
            todo = "Use CharTokenizer."
            raise UserError("the text holds Han and kana characters only", todo=todo)
        subwords = BpeTokenizer.train(others, _of_segments(params))
        return cls(params, subwords, characters)

    @classmethod
    def restore(
        cls, directory: Path, params: MixedTokenizerParams, tokens: Sequence[str]
    ) -> MixedTokenizer:
        subwords = BpeTokenizer.restore(directory, _of_segments(params), tokens)
        return cls(params, subwords, [token for token in tokens if is_cjk(token)])

    def model_files(self) -> dict[str, bytes]:
        return self._subwords.model_files()

    @classmethod
    def spaced(cls, text: str) -> str:
        return space_scripts(super().spaced(text))

    def _encode(self, text: str) -> list[int]:
        ids = []
        for segment in split_cjk(text):
            if is_cjk(segment):
                ids.append(self._ids.get(segment, self.unk_id))
            else:
                ids.extend(self._subwords.encode(segment))
        return ids

    def _decode(self, ids: list[int]) -> str:
        text = ""
        for is_subword, run in groupby(ids, lambda i: i < self._subwords.vocab_size):
            if is_subword:
                text += self._subwords.decode(run)
            else:
                text += "".join(self.tokens[i] for i in run)
        return text


def _of_segments(params: MixedTokenizerParams) -> MixedTokenizerParams:
    """The parameters for segments of texts that are normalised already."""
    return params.model_copy(update={"normaliser": "none"})

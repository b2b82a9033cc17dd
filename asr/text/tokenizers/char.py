"""One token a character."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from asr.config.tokenizer import CharTokenizerParams
from asr.errors import UserError
from asr.text.tokenizers.base import SPACE_TOKEN, SPECIAL_TOKENS, Tokenizer, canonical_texts


class CharTokenizer(Tokenizer[CharTokenizerParams]):
    """One token a Unicode code point, in code point order; a space is the token `▁`."""

    def __init__(self, params: CharTokenizerParams, tokens: Sequence[str]) -> None:
        super().__init__(params, tokens)
        first = len(SPECIAL_TOKENS)
        self._ids = {token: i for i, token in enumerate(self.tokens[first:], start=first)}

    @classmethod
    def train(cls, texts: Iterable[str], params: CharTokenizerParams) -> CharTokenizer:
        counts: Counter[str] = Counter()
        for text in canonical_texts(cls, texts, params):
            counts.update(text.replace(" ", SPACE_TOKEN))
        frequent = sorted(c for c, count in counts.items() if count >= params.min_count)
        if not frequent:
            raise UserError(
                f"no character of the text occurs {params.min_count} times",
                where="tokenizer_params.min_count",
                todo=f"Set it to {max(counts.values())} or less.",
            )
        return cls(params, SPECIAL_TOKENS + frequent)

    @classmethod
    def restore(
        cls, directory: Path, params: CharTokenizerParams, tokens: Sequence[str]
    ) -> CharTokenizer:
        return cls(params, tokens)

    @property
    def space_id(self) -> int | None:
        return self._ids.get(SPACE_TOKEN)

    def _encode(self, text: str) -> list[int]:
        return [self._ids.get(c, self.unk_id) for c in text.replace(" ", SPACE_TOKEN)]

    def _decode(self, ids: list[int]) -> str:
        return "".join(self.tokens[i] for i in ids)

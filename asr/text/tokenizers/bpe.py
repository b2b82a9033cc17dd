"""Subwords by sentencepiece (Kudo and Richardson, 2018, https://arxiv.org/abs/1808.06226)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import sentencepiece

from asr.config.tokenizer import BpeTokenizerParams
from asr.errors import UserError
from asr.text.tokenizers.base import MODEL_FILE, SPECIAL_TOKENS, Tokenizer, canonical_texts

_TOO_LARGE = re.compile(r"Vocabulary size too high .* value <= (\d+)")
_TOO_SMALL = re.compile(r"Vocabulary size is smaller than required_chars\. \d+ vs (\d+)")


class BpeTokenizer(Tokenizer[BpeTokenizerParams]):
    """Subwords; the ids are those of the sentencepiece model itself.

    Args:
        params: what it was trained with.
        model: a serialised sentencepiece model whose first pieces are our special tokens.

    Raises:
        RuntimeError: `model` is no such thing.
    """

    def __init__(self, params: BpeTokenizerParams, model: bytes) -> None:
        self._model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        self._processor.LoadFromSerializedProto(model)
        size = self._processor.get_piece_size()
        super().__init__(params, self._processor.id_to_piece(list(range(size))))

    @classmethod
    def train(cls, texts: Iterable[str], params: BpeTokenizerParams) -> BpeTokenizer:
        return cls(params, _train_model(canonical_texts(cls, texts), params))

    @classmethod
    def restore(
        cls, directory: Path, params: BpeTokenizerParams, tokens: Sequence[str]
    ) -> BpeTokenizer:
        path = directory / MODEL_FILE
        try:
            return cls(params, path.read_bytes())
        except (FileNotFoundError, RuntimeError) as error:
            raise UserError("not a sentencepiece model", where=str(path)) from error

    def model_files(self) -> dict[str, bytes]:
        return {MODEL_FILE: self._model}

    def _encode(self, text: str) -> list[int]:
        return list(self._processor.encode(text))

    def _decode(self, ids: list[int]) -> str:
        return str(self._processor.decode(ids))


def _train_model(texts: list[str], params: BpeTokenizerParams) -> bytes:
    """Train sentencepiece in memory; the same texts give the same bytes."""
    blank, sos_eos, unknown = SPECIAL_TOKENS
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            vocab_size=params.vocab_size,
            model_type=params.model_type,
            character_coverage=params.character_coverage,
            normalization_rule_name="identity",
            max_sentence_length=2**30,  # longer ones would be left out silently
            num_threads=1,  # the number is part of the model's bytes
            minloglevel=2,
            pad_id=0,
            pad_piece=blank,
            bos_id=1,
            bos_piece=sos_eos,
            unk_id=2,
            unk_piece=unknown,
            eos_id=-1,
        )
    except RuntimeError as error:
        raise _vocab_size_error(error, params.vocab_size) from error
    return model.getvalue()


def _vocab_size_error(error: RuntimeError, vocab_size: int) -> Exception:
    """The `UserError` behind a complaint about the vocabulary size; any other error unchanged."""
    where = "tokenizer_params.vocab_size"
    if match := _TOO_LARGE.search(str(error)):
        todo = f"The largest possible is {match[1]}; or give more text, or use CharTokenizer."
        return UserError(f"{vocab_size} is too large for the text", where=where, todo=todo)
    if match := _TOO_SMALL.search(str(error)):
        todo = f"The smallest possible is {match[1]}, every character being one token."
        return UserError(f"{vocab_size} is too small for the text", where=where, todo=todo)
    return error

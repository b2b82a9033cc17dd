"""Subwords by sentencepiece (Kudo and Richardson, 2018, https://arxiv.org/abs/1808.06226)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import sentencepiece

from asr.config.tokenizer import BpeTokenizerParams
from asr.errors import UserError
from asr.text.tokenizers.base import MODEL_FILE, SPECIAL_TOKENS, Tokenizer, canonical_texts

_TOO_LARGE = re.compile(r"Vocabulary size too high .* value <= (\d+)")
_TOO_SMALL = re.compile(r"Vocabulary size is smaller than required_chars\. \d+ vs (\d+)")


class SubwordModel:
    """A sentencepiece model whose first pieces are our special tokens.

    Args:
        content: the serialised model.

    Attributes:
        content: as given.
        pieces: the piece of each id.

    Raises:
        RuntimeError: `content` is no such thing.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._processor = sentencepiece.SentencePieceProcessor()
        self._processor.LoadFromSerializedProto(content)
        size = self._processor.get_piece_size()
        self.pieces: list[str] = self._processor.id_to_piece(list(range(size)))

    @classmethod
    def train(
        cls, texts: Iterable[str], params: BpeTokenizerParams, **options: Any
    ) -> SubwordModel:
        """Train in memory; the same texts give the same bytes.

        Args:
            texts: sentences.
            params: size and type of the model.
            options: further ones of sentencepiece's trainer.

        Raises:
            UserError: the texts do not allow a vocabulary of that size; the message has one.
        """
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
                **options,
            )
        except RuntimeError as error:
            raise _vocab_size_error(error, params.vocab_size) from error
        return cls(model.getvalue())

    @classmethod
    def read(cls, directory: Path) -> SubwordModel:
        """Read what `files` gave to be written.

        Raises:
            UserError: the file is missing or damaged.
        """
        path = directory / MODEL_FILE
        try:
            return cls(path.read_bytes())
        except (FileNotFoundError, RuntimeError) as error:
            raise UserError("not a sentencepiece model", where=str(path)) from error

    def files(self) -> dict[str, bytes]:
        """Name and content of the file a tokenizer keeps of this model."""
        return {MODEL_FILE: self.content}

    def encode(self, text: str) -> list[int]:
        """Ids of the pieces of `text`."""
        return list(self._processor.encode(text))

    def decode(self, ids: list[int]) -> str:
        """Text of pieces."""
        return str(self._processor.decode(ids))


class BpeTokenizer(Tokenizer[BpeTokenizerParams]):
    """Subwords; the ids are those of the sentencepiece model itself."""

    def __init__(self, params: BpeTokenizerParams, model: SubwordModel) -> None:
        super().__init__(params, model.pieces)
        self._model = model

    @classmethod
    def train(cls, texts: Iterable[str], params: BpeTokenizerParams) -> BpeTokenizer:
        return cls(params, SubwordModel.train(canonical_texts(cls, texts, params), params))

    @classmethod
    def restore(
        cls, directory: Path, params: BpeTokenizerParams, tokens: Sequence[str]
    ) -> BpeTokenizer:
        return cls(params, SubwordModel.read(directory))

    def model_files(self) -> dict[str, bytes]:
        return self._model.files()

    def _encode(self, text: str) -> list[int]:
        return self._model.encode(text)

    def _decode(self, ids: list[int]) -> str:
        return self._model.decode(ids)


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

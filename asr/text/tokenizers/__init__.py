"""Tokenizers by name: training one, loading one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from asr.config.base import Params
from asr.config.loading import build
from asr.config.tokenizer import TOKENIZERS
from asr.errors import UserError, did_you_mean
from asr.files import PathLike, read_description
from asr.text.tokenizers.base import (
    DESCRIPTION_FILE,
    FORMAT_VERSION,
    SPECIAL_TOKENS,
    TOKENS_FILE,
    Span,
    Tokenizer,
    other_case,
    unknown_characters,
)
from asr.text.tokenizers.bpe import BpeTokenizer
from asr.text.tokenizers.byte_bpe import ByteBpeTokenizer
from asr.text.tokenizers.char import CharTokenizer
from asr.text.tokenizers.mixed import MixedTokenizer

__all__ = [
    "BpeTokenizer",
    "ByteBpeTokenizer",
    "CharTokenizer",
    "MixedTokenizer",
    "Span",
    "Tokenizer",
    "load_tokenizer",
    "other_case",
    "train_tokenizer",
    "unknown_characters",
]

_CLASSES: dict[str, type[Tokenizer[Any]]] = {
    "CharTokenizer": CharTokenizer,
    "BpeTokenizer": BpeTokenizer,
    "MixedTokenizer": MixedTokenizer,
    "ByteBpeTokenizer": ByteBpeTokenizer,
}


def train_tokenizer(name: str, params: Params, texts: Iterable[str]) -> Tokenizer[Any]:
    """Train the tokenizer called `name` on transcripts.

    Args:
        name: a key of `asr.config.tokenizer.TOKENIZERS`.
        params: that tokenizer's parameters.
        texts: one transcript each.

    Raises:
        UserError: there is no tokenizer of that name, no text, or `params` do not fit the text.
    """
    return _find_class(name, source="").train(texts, params)


def load_tokenizer(directory: PathLike) -> Tokenizer[Any]:
    """Load what `Tokenizer.save` wrote.

    Raises:
        UserError: a file is missing or damaged, the files do not fit together, or the tokenizer
            was made by a newer version.
    """
    folder = Path(directory)
    description = read_description(
        folder / DESCRIPTION_FILE, "tokenizer", FORMAT_VERSION, "`asr tokenizer` makes one."
    )
    source = str(folder / DESCRIPTION_FILE)
    kind = str(description.get("kind"))
    cls = _find_class(kind, source)
    params = build(TOKENIZERS[kind], description.get("params"), source, ("params",))
    tokens = _read_tokens(folder / TOKENS_FILE)
    tokenizer = cls.restore(folder, params, tokens)
    models = tokenizer.model_digests()
    if tokenizer.tokens != tokens or models != description.get("models_sha256"):
        what = f"{', '.join([TOKENS_FILE, *models])} are not as they were saved"
        raise UserError(what, where=str(folder), todo="Make the tokenizer again.")
    return tokenizer


def _find_class(name: str, source: str) -> type[Tokenizer[Any]]:
    if name not in _CLASSES:
        raise UserError(f"no tokenizer '{name}'", where=source, todo=did_you_mean(name, _CLASSES))
    return _CLASSES[name]


def _read_tokens(path: Path) -> list[str]:
    """Read `token id` lines whose ids count up from 0."""
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except FileNotFoundError as error:
        raise UserError("the file does not exist", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise UserError("is not a UTF-8 text file", where=str(path)) from error
    tokens = []
    for number, line in enumerate(lines):
        token, _, token_id = line.rpartition(" ")
        if not token or token_id != str(number):
            raise UserError(f"expected `token {number}`", where=f"{path}:{number + 1}")
        tokens.append(token)
    if tokens[: len(SPECIAL_TOKENS)] != SPECIAL_TOKENS:
        raise UserError(f"must begin with {', '.join(SPECIAL_TOKENS)}", where=str(path))
    return tokens

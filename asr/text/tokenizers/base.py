"""What every tokenizer shares: special tokens, the directory it is saved in, spelling of text."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from asr.config.tokenizer import TokenizerParams
from asr.errors import UserError
from asr.files import PathLike, atomic_writer, write_json, write_text
from asr.text.normalise import TextNormaliser
from asr.text.scripts import join_cjk
from asr.text.symbols import BLANK_ID, SOS_EOS_ID, SPECIAL_TOKENS, UNK_ID

FORMAT_VERSION = 2  # 2: the normaliser among the parameters
DESCRIPTION_FILE = "tokenizer.json"
TOKENS_FILE = "tokens.txt"
MODEL_FILE = "bpe.model"

SPACE_TOKEN = "▁"  # U+2581, as sentencepiece writes it

P = TypeVar("P", bound=TokenizerParams)

_SURROGATE = re.compile("[\ud800-\udfff]")  # no text in any encoding


class Tokenizer(ABC, Generic[P]):
    """Text to token ids and back.

    Ids 0, 1, 2 are `<blk>`, `<sos/eos>`, `<unk>` in every tokenizer. For text whose characters
    are all in the vocabulary, `decode(encode(text)) == canonical(text)`.

    Attributes:
        params: what it was trained with.
        tokens: the token of each id.
    """

    blank_id: ClassVar[int] = BLANK_ID
    sos_eos_id: ClassVar[int] = SOS_EOS_ID
    unk_id: ClassVar[int] = UNK_ID

    def __init__(self, params: P, tokens: Sequence[str]) -> None:
        self.params = params
        self.tokens = list(tokens)
        self._characters = frozenset(token for token in tokens if len(token) == 1)

    @classmethod
    @abstractmethod
    def train(cls, texts: Iterable[str], params: P) -> Tokenizer[P]:
        """Build the vocabulary from transcripts; the same texts give the same tokenizer.

        Raises:
            UserError: there is no text, or `params` do not fit it.
        """

    @classmethod
    @abstractmethod
    def restore(cls, directory: Path, params: P, tokens: Sequence[str]) -> Tokenizer[P]:
        """Rebuild from the `tokens` of a saved directory and what `model_files` wrote there."""

    @abstractmethod
    def _encode(self, text: str) -> list[int]:
        """Token ids of a text in canonical form."""

    @abstractmethod
    def _decode(self, ids: list[int]) -> str:
        """Text of valid ids that are no special tokens, white space not yet canonical."""

    @classmethod
    def spaced(cls, text: str) -> str:
        """Write spaces as `decode` does.

        White space is collapsed to single spaces and dropped between two Han or kana characters.
        """
        return join_cjk(_SURROGATE.sub("\ufffd", text).replace(SPACE_TOKEN, " "))

    @classmethod
    def prepare(cls, text: str, params: P) -> str:
        """The form of `text` that a tokenizer with `params` spells: normalised, then spaced."""
        return cls.spaced(TextNormaliser(params.normaliser)(text))

    def canonical(self, text: str) -> str:
        """The form of `text` that `decode` gives back: see `prepare`."""
        return self.prepare(text, self.params)

    def spells(self, character: str) -> bool:
        """Whether `character`, `▁` for a space, can be written without `<unk>`."""
        return character in self._characters

    @property
    def vocab_size(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`, without `<sos/eos>`; what the vocabulary lacks becomes `<unk>`."""
        return self._encode(self.canonical(text))

    def decode(self, ids: Iterable[int]) -> str:
        """Text of `ids`, spaces in canonical form; special tokens are dropped.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        kept = []
        for token_id in ids:
            if not 0 <= token_id < self.vocab_size:
                raise ValueError(f"token id {token_id} is not in [0, {self.vocab_size})")
            if token_id >= len(SPECIAL_TOKENS):
                kept.append(int(token_id))
        return self.spaced(self._decode(kept))

    def model_files(self) -> dict[str, bytes]:
        """Name and content of the files that `restore` needs besides the tokens."""
        return {}

    def model_digests(self) -> dict[str, str]:
        """SHA-256 of each of `model_files`."""
        files = self.model_files()
        return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all that decides how text is spelled: tokens, models, normaliser.

        What is made for the tokens of one tokenizer keeps it, to be refused with another's.
        """
        parts = [
            type(self).__name__,
            self.params.normaliser,
            self.tokens,
            sorted(self.model_digests().items()),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def space_id(self) -> int | None:
        """The token that stands between words; None where words show where they begin."""
        return None

    def save(self, directory: PathLike) -> None:
        """Write `tokenizer.json`, `tokens.txt` (`token id` a line) and the model, if it has one.

        Each file is written atomically; equal tokenizers give equal bytes.
        """
        folder = Path(directory)
        models = self.model_files()
        for name, content in models.items():
            with atomic_writer(folder / name, "wb") as stream:
                stream.write(content)
        lines = [f"{token} {token_id}\n" for token_id, token in enumerate(self.tokens)]
        write_text(folder / TOKENS_FILE, "".join(lines))
        description = {
            "format_version": FORMAT_VERSION,
            "kind": type(self).__name__,
            "params": self.params.model_dump(mode="json"),
            "models_sha256": self.model_digests(),
        }
        write_json(folder / DESCRIPTION_FILE, description)
        if MODEL_FILE not in models:  # of another kind that was saved here before
            (folder / MODEL_FILE).unlink(missing_ok=True)


def canonical_texts(tokenizer: type[Tokenizer[P]], texts: Iterable[str], params: P) -> list[str]:
    """The texts in the tokenizer's canonical form, without empty ones.

    Raises:
        UserError: nothing is left.
    """
    kept = [canonical for text in texts if (canonical := tokenizer.prepare(text, params))]
    if not kept:
        todo = "Give transcripts with at least one character."
        raise UserError("there is no text to build a tokenizer from", todo=todo)
    return kept


def unknown_characters(tokenizer: Tokenizer[P], texts: Iterable[str]) -> Counter[str]:
    """Count the characters of `texts` that the vocabulary lacks; a space counts as `" "`."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(tokenizer.canonical(text).replace(" ", SPACE_TOKEN))
    missing = Counter({c: n for c, n in counts.items() if not tokenizer.spells(c)})
    if SPACE_TOKEN in missing:
        missing[" "] = missing.pop(SPACE_TOKEN)
    return missing

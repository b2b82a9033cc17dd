"""What every tokenizer shares: special tokens, the directory it is saved in, spelling of text."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Generic, NamedTuple, TypeVar

from asr.config.tokenizer import TokenizerParams
from asr.errors import UserError
from asr.files import PathLike, atomic_writer, write_json, write_text
from asr.text.normalise import TextNormaliser
from asr.text.scripts import is_cjk, join_cjk
from asr.text.symbols import BLANK_ID, SOS_EOS_ID, SPECIAL_TOKENS, UNK_ID

FORMAT_VERSION = 2  # 2: the normaliser among the parameters
DESCRIPTION_FILE = "tokenizer.json"
TOKENS_FILE = "tokens.txt"
MODEL_FILE = "bpe.model"

SPACE_TOKEN = "▁"  # U+2581, as sentencepiece writes it
NO_LETTER = "\0"

P = TypeVar("P", bound=TokenizerParams)

_SURROGATE = re.compile("[\ud800-\udfff]")  # no text in any encoding


class Span(NamedTuple):
    """A piece of text and the tokens it is made of, by their positions among all tokens.

    Attributes:
        first, last: positions of the first and the last token, which may belong to the piece
            before or after as well.
    """

    text: str
    first: int
    last: int


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

    def _spelled(self, ids: list[int]) -> Iterator[Span]:
        """The characters of `_decode(ids)`, spaces aside, each with its tokens."""
        for position, token_id in enumerate(ids):
            for character in self.tokens[token_id]:
                yield Span(character, position, position)

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
        ids = list(ids)
        kept = [int(ids[position]) for position in self._positions_of_text(ids)]
        return self.spaced(self._decode(kept))

    def _positions_of_text(self, ids: Sequence[int]) -> list[int]:
        """Where `ids` are no special tokens."""
        for token_id in ids:
            if not 0 <= token_id < self.vocab_size:
                raise ValueError(f"token id {token_id} is not in [0, {self.vocab_size})")
        return [i for i, token_id in enumerate(ids) if token_id >= len(SPECIAL_TOKENS)]

    def words(self, ids: Sequence[int], pauses: Collection[int] = ()) -> list[Span]:
        """The words that `ids` spell, each with its tokens.

        Words are what scoring counts: the texts are `split_words(decode(ids))`, so that every Han
        or kana character is one. Tokens that only separate words belong to none, and so do special
        tokens.

        Args:
            pauses: positions in `ids` behind which a word ends, whatever follows; not within a
                character.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        positions = self._positions_of_text(ids)
        words: list[Span] = []
        joins = False
        for character, first, last in self._spelled([ids[position] for position in positions]):
            if character.isspace() or character == SPACE_TOKEN:
                joins = False
                continue
            begun = words[-1] if joins and not is_cjk(character) else None
            if begun and not any(begun.last <= pause < positions[first] for pause in pauses):
                words[-1] = Span(begun.text + character, begun.first, positions[last])
            else:
                words.append(Span(character, positions[first], positions[last]))
            joins = not is_cjk(character)
        return words

    def letters(self, token_id: int) -> str:
        """What a token spells, with a `▁` wherever a word begins or ends for certain.

        The letters of tokens in a row, each run of `▁` taken as one, tell the words of their text
        (see `words`), however it is cut into tokens: Han and kana characters stand between two `▁`.
        A special token spells nothing and is a letter of its own, which no text holds.
        """
        token = self.tokens[token_id]
        if token_id < len(SPECIAL_TOKENS):
            return NO_LETTER
        return "".join(f"{SPACE_TOKEN}{c}{SPACE_TOKEN}" if is_cjk(c) else c for c in token)

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


def other_case(tokenizer: Tokenizer[P], missing: Iterable[str]) -> str:
    """Return `small letters` or `capitals` where these alone, for `missing`, can be spelled.

    Args:
        missing: characters that the vocabulary lacks.
    """
    characters = list(missing)
    cases = (("small letters", str.lower), ("capitals", str.upper))
    for name, change in cases:
        if characters and all(c != change(c) and tokenizer.spells(change(c)) for c in characters):
            return name
    return ""

"""Which tokens spell a word: made with a tokenizer, or read from a lexicon as Kaldi writes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from asr.errors import UserError, did_you_mean
from asr.files import PathLike
from asr.text.scripts import is_cjk, split_words
from asr.text.symbols import SPECIAL_TOKENS
from asr.text.tokenizers import BpeTokenizer, Tokenizer
from asr.text.transcripts import read_lines, read_transcripts

UNKNOWN_WORD = "<unk>"
# What language models hold beside words.
NO_WORDS = frozenset({"<s>", "</s>", "<eps>", "<unk>", "<UNK>", "#0"})


@dataclass(frozen=True)
class Lexicon:
    """Words and their spellings.

    Attributes:
        spellings: token ids of each word; the outer tuple holds one spelling or more.
        left_out: words that could not be spelled, and why.
        of_tokens: the words are the tokens themselves, the one for spaces being one of them.
    """

    spellings: dict[str, tuple[tuple[int, ...], ...]]
    left_out: dict[str, str] = field(default_factory=dict)
    of_tokens: bool = False

    @classmethod
    def of(cls, tokens: Iterable[str], tokenizer: Tokenizer[Any]) -> Lexicon:
        """Return the lexicon of some of a tokenizer's tokens, each of which is a word."""
        ids = {token: number for number, token in enumerate(tokenizer.tokens)}
        return cls({token: ((ids[token],),) for token in tokens}, of_tokens=True)

    @property
    def num_spellings(self) -> int:
        return sum(map(len, self.spellings.values()))

    def restricted_to(self, words: Iterable[str], reason: str) -> Lexicon:
        """Return the part of it whose words are in `words`; the others are left out."""
        known = set(words)
        kept = {word: s for word, s in self.spellings.items() if word in known}
        lost = {word: reason for word in self.spellings if word not in known}
        return Lexicon(kept, self.left_out | lost, self.of_tokens)


def spell_words(words: Iterable[str], tokenizer: Tokenizer[Any]) -> Lexicon:
    """Spell each word as the tokenizer does.

    A word that the tokenizer cannot write without `<unk>` is left out, as is one that it makes
    nothing of.

    Raises:
        UserError: no word is left, or the tokenizer spells words by their place in a text.
    """
    spellings: dict[str, tuple[tuple[int, ...], ...]] = {}
    left_out: dict[str, str] = {}
    for word in words:
        if word in spellings or word in NO_WORDS:
            continue
        tokens = tokenizer.encode(word)
        if not tokens:
            left_out[word] = "nothing of it is left by the tokenizer's normaliser"
        elif tokenizer.unk_id in tokens:
            left_out[word] = "the tokenizer lacks a character of it"
        else:
            spellings[word] = (tuple(tokens),)
    if not spellings:
        example = next(iter(left_out), "")
        raise UserError(
            f"the tokenizer can spell none of {len(left_out)} words"
            + f" ('{example}')" * bool(example),
            todo="Use the language and the letter case of the tokenizer's own transcripts.",
        )
    _check_places(spellings, tokenizer)
    return Lexicon(spellings, left_out)


def _check_places(words: Iterable[str], tokenizer: Tokenizer[Any]) -> None:
    """Refuse subwords for scripts without spaces: words begin by what is before them."""
    if not isinstance(tokenizer, BpeTokenizer):
        return
    for word in words:
        if is_cjk(word[0]):
            raise UserError(
                f"BpeTokenizer spells '{word}' differently inside a text and at its beginning",
                todo="Use CharTokenizer, MixedTokenizer or ByteBpeTokenizer for this language.",
            )


def read_words(path: PathLike) -> list[str]:
    """Return the distinct words of transcripts or of a list of words, in order.

    Of text without spaces between words every character is a word.

    Raises:
        UserError: see `read_transcripts`; or there are no words.
    """
    words = dict.fromkeys(word for text in read_transcripts([path]) for word in split_words(text))
    if not words:
        raise UserError("there are no words", where=str(path))
    return list(words)


def read_lexicon(path: PathLike, tokenizer: Tokenizer[Any]) -> Lexicon:
    """Read lines `word token token …`; a word on several lines has several spellings.

    Raises:
        UserError: the file is missing or empty, or a line has no tokens, a token that is not the
            tokenizer's, or stands twice; the line is named.
    """
    ids = {token: number for number, token in enumerate(tokenizer.tokens)}
    usable = [token for token in tokenizer.tokens if token not in SPECIAL_TOKENS]
    spellings: dict[str, list[tuple[int, ...]]] = {}
    for where, line in read_lines(path):
        word, *tokens = line.split()
        if word in NO_WORDS:
            raise UserError(f"'{word}' is no word", where=where, todo="Leave the line out.")
        if not tokens:
            raise UserError(f"'{word}' has no tokens", where=where, todo="Write `word token …`.")
        for token in tokens:
            if token not in ids or token in SPECIAL_TOKENS:
                todo = did_you_mean(token, usable) if len(usable) < 100 else ""
                raise UserError(f"the tokenizer has no token '{token}'", where=where, todo=todo)
        spelling = tuple(ids[token] for token in tokens)
        known = spellings.setdefault(word, [])
        if spelling in known:
            raise UserError(f"'{line}' stands twice", where=where, todo="Leave one out.")
        known.append(spelling)
    if not spellings:
        raise UserError("the lexicon is empty", where=str(path))
    return Lexicon({word: tuple(known) for word, known in spellings.items()})

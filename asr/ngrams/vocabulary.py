"""What the words of an n-gram model are to a tokenizer: its tokens, or words that it spells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asr.errors import UserError
from asr.files import PathLike
from asr.ngrams.model import BEGIN, END, UNKNOWN
from asr.text.scripts import is_cjk
from asr.text.tokenizers import CharTokenizer, Tokenizer
from asr.text.tokenizers.base import SPACE_TOKEN

_FEWEST = 0.5  # share of the words that must be tokens, or that must be spelled
_EXAMPLES = 5


def begins_word(token: str) -> bool:
    """Whether a token is the first of a word: a mark of a space leads it, or it is Han or kana.

    The token `▁` of a tokenizer with one token a character is counted to the word behind it.
    """
    return token.startswith(SPACE_TOKEN) or is_cjk(token)


@dataclass(frozen=True)
class Spelling:
    """How a tokenizer writes words in the midst of text.

    Attributes:
        words: token ids of each word that it can write; words that it cannot are left out.
        starts_inside: whether the first word of an utterance lacks the token that other words begin
            with, as with a token `▁` of its own between words.
    """

    words: dict[str, list[int]]
    starts_inside: bool


def spell_words(words: list[str], tokenizer: Tokenizer[Any]) -> Spelling:
    """Spell the words that begin with a token that begins a word and hold no other such token."""
    begins = [begins_word(token) for token in tokenizer.tokens]
    apart = isinstance(tokenizer, CharTokenizer)
    space = [tokenizer.tokens.index(SPACE_TOKEN)] if apart and tokenizer.spells(SPACE_TOKEN) else []
    spelled = {}
    for word in words:
        tokens = tokenizer.encode(word)
        if not tokens or tokenizer.unk_id in tokens or any(begins[token] for token in tokens[1:]):
            continue
        if begins[tokens[0]]:
            spelled[word] = tokens
        elif apart:  # without a token for spaces an utterance is one word
            spelled[word] = space + tokens
    return Spelling(spelled, starts_inside=bool(space))


def is_of_tokens(words: list[str], spelling: Spelling, tokenizer: Tokenizer[Any]) -> bool:
    """Whether the model's words are tokens, as `asr lm train --unit token` makes it.

    Tokens can mostly be spelled too; words are tokens at best in part.
    """
    tokens = set(tokenizer.tokens)
    share = _share(words, [word for word in words if word in tokens])
    if share < max(_FEWEST, _share(words, [word for word in words if word in spelling.words])):
        return False
    # Letters spoken one by one (AN4) are words too; a model of tokens has the one for spaces.
    letters_alone = SPACE_TOKEN in tokens and not any(SPACE_TOKEN in word for word in words)
    return not letters_alone or _share(words, [word for word in words if is_cjk(word)]) >= _FEWEST


def holds_tokens_alone(words: list[str], tokenizer: Tokenizer[Any]) -> bool:
    """Whether a model is of tokens and of nothing else."""
    tokens = set(tokenizer.tokens)
    if not words or not tokens.issuperset(words):
        return False
    return is_of_tokens(words, spell_words(words, tokenizer), tokenizer)


def check_spelled(
    words: list[str], spelling: Spelling, tokenizer: Tokenizer[Any], where: PathLike
) -> None:
    """Refuse a model most of whose words the tokenizer cannot write.

    Raises:
        UserError: it tells the share, examples and what to do.
    """
    foreign = [word for word in words if word not in spelling.words]
    share = _share(words, foreign)
    if share <= 1 - _FEWEST:
        return
    examples = ", ".join(f"'{word}'" for word in foreign[:_EXAMPLES])
    of = f"{100 * share:.0f} % of its {len(words)} words ({examples})"
    train = "train one of tokens: asr lm train --unit token --tokenizer DIR"
    if _share(foreign, [w for w in foreign if len(w) > 1 and is_cjk(w[0])]) >= _FEWEST:
        raise UserError(
            f"a model of words, but nothing marks where {of} begin and end in the model's text",
            where=str(where),
            todo=f"Han and kana are written without spaces; {train}.",
        )
    raise UserError(
        f"of another vocabulary: {of} are neither tokens of this model"
        f" ({type(tokenizer).__name__}, {tokenizer.vocab_size} tokens) nor words that it can spell",
        where=str(where),
        todo=f"Use a language model of this model's text, or {train}.",
    )


def plain_words(words: list[str]) -> list[str]:
    """The words of a model without `<s>`, `</s>` and `<unk>`."""
    return [word for word in words if word not in (BEGIN, END, UNKNOWN)]


def _share(words: list[str], some: list[str]) -> float:
    return len(some) / max(len(words), 1)

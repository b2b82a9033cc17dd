"""Spaces around Han and kana."""

from __future__ import annotations

import random
import unicodedata

import pytest

from asr.errors import UserError
from asr.text.normalise import TextNormaliser
from asr.text.scripts import is_cjk, join_cjk, space_scripts, split_cjk, split_words

ALPHABET = "ab1é我们爱𠀀かカーñ한 　\t,，。'-_%"


def random_texts(count: int, seed: int) -> list[str]:
    generator = random.Random(seed)
    return ["".join(generator.choices(ALPHABET, k=generator.randint(0, 20))) for _ in range(count)]


def test_cjk_agrees_with_the_unicode_names():
    wanted = ("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA LETTER", "KATAKANA LETTER")
    wanted += ("CJK RADICAL", "KANGXI RADICAL", "HALFWIDTH KATAKANA LETTER", "HANGZHOU NUMERAL")
    for code in range(0x110000):
        name = unicodedata.name(chr(code), "")
        if name.startswith(wanted):
            assert is_cjk(chr(code)), f"{code:x} {name}"
        elif is_cjk(chr(code)):
            related = ("CJK", "IDEOGRAPH", "HIRAGANA", "KATAKANA", "HENTAIGANA")
            assert not name or any(word in name for word in related), f"{code:x} {name}"


@pytest.mark.parametrize("character", ["a", "한", "，", "。", "・", "1", "é", " ", "ไ"])
def test_other_scripts_and_punctuation_are_not_cjk(character):
    assert not is_cjk(character)


@pytest.mark.parametrize(
    ("text", "joined", "spaced"),
    [
        ("广州市 房地产 中介", "广州市房地产中介", "广州市房地产中介"),
        ("  good \t morning\n", "good morning", "good morning"),
        ("我 们love 你", "我们love 你", "我们 love 你"),
        ("T恤 和 K歌", "T恤和 K歌", "T 恤和 K 歌"),
        ("你 好 ， 世 界 。", "你好 ， 世界 。", "你好，世界。"),
        ("ok , 你好", "ok , 你好", "ok ,你好"),
        ("9 月", "9 月", "9 月"),
        ("ありが とう thank you", "ありがとう thank you", "ありがとう thank you"),
        ("한국 말", "한국 말", "한국 말"),
        ("a_b 我", "a_b 我", "a_b 我"),
        ("", "", ""),
    ],
)
def test_examples_of_both_rules(text, joined, spaced):
    assert join_cjk(text) == joined
    assert space_scripts(text) == spaced


def spaced_by_hand(text: str) -> str:
    """The rule of `space_scripts`, pair by pair."""
    collapsed = " ".join(text.split())
    out = before = ""
    for index, character in enumerate(collapsed):
        if character == " ":
            continue
        if before and is_cjk(before) and is_cjk(character):
            space = False
        elif before and is_cjk(before) != is_cjk(character):
            space = (character if is_cjk(before) else before).isalnum()
        else:
            space = index > 0 and collapsed[index - 1] == " "
        out += f" {character}" if space else character
        before = character
    return out


def test_space_scripts_agrees_with_the_pairwise_rule():
    for text in random_texts(2000, seed=0):
        assert space_scripts(text) == spaced_by_hand(text)


def test_split_cjk_keeps_every_character():
    for text in random_texts(300, seed=1):
        segments = split_cjk(text)
        assert "".join(segments) == text
        assert all(len(s) == 1 for s in segments if any(map(is_cjk, s)))


def test_words_count_each_han_character():
    assert split_words("我们 love it 吧") == ["我", "们", "love", "it", "吧"]


def test_basic_normaliser_is_nfkc_and_one_spacing():
    basic = TextNormaliser("basic")
    assert basic("Ｈｅｌｌｏ　１２ 我 们ok") == "Hello 12 我们 ok"
    assert TextNormaliser("none")(" Ｈ  i ") == " Ｈ  i "
    for text in random_texts(300, seed=2):
        assert basic(basic(text)) == basic(text)


def test_unknown_normaliser_names_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'basic'"):
        TextNormaliser("basics")

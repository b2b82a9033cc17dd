"""Byte pair encoding: no text is unknown, and any tokens give the best text they can."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from asr.config.tokenizer import ByteBpeTokenizerParams
from asr.errors import UserError
from asr.text.scripts import space_scripts, split_words
from asr.text.tokenizers import load_tokenizer, train_tokenizer, unknown_characters

ENGLISH = ["play the next song", "turn the light on", "what is the time", "the weather today"]
MANDARIN = ["今天天气很好", "我们去北京吧", "播放下一首音乐", "今天我们去吧"]
CODE_SWITCHED = ["我们 play 下一首 song 吧", "今天 weather 很好", "turn the 音乐 on"]
TEXTS = (ENGLISH + MANDARIN + CODE_SWITCHED) * 20


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer("ByteBpeTokenizer", ByteBpeTokenizerParams(vocab_size=330), TEXTS)


def random_text(generator: random.Random) -> str:
    """Characters of every length in UTF-8, none of them half a surrogate pair."""
    ranges = [(0, 0x80), (0x80, 0x800), (0x800, 0xD800), (0xE000, 0x10000), (0x10000, 0x110000)]
    ranges += [(0x20, 0x7F), (0x4E00, 0x9FFF)] * 3
    picked = (generator.choice(ranges) for _ in range(generator.randint(0, 20)))
    return "".join(chr(generator.randrange(*bounds)) for bounds in picked)


def test_any_text_comes_back_and_nothing_is_unknown(tokenizer):
    generator = random.Random(0)
    for _ in range(3000):
        text = random_text(generator)
        ids = tokenizer.encode(text)
        assert tokenizer.unk_id not in ids
        assert tokenizer.decode(ids) == tokenizer.canonical(text)
        assert unknown_characters(tokenizer, [text]) == Counter()


def test_every_code_point_comes_back(tokenizer):
    for code in [*range(0x3000), *range(0x4E00, 0xD800, 7), *range(0xE000, 0x110000, 101)]:
        text = f"a{chr(code)}b"
        assert tokenizer.decode(tokenizer.encode(text)) == tokenizer.canonical(text)


def test_half_a_surrogate_pair_becomes_the_replacement_character(tokenizer):
    assert (
        tokenizer.decode(tokenizer.encode("a\ud800b")) == tokenizer.canonical("a\ud800b") == "a�b"
    )


def test_the_written_names_of_special_tokens_are_plain_text(tokenizer):
    text = "<unk> <blk> <sos/eos>"
    ids = tokenizer.encode(text)
    assert min(ids) > 2
    assert tokenizer.decode(ids) == text


def most_characters(data: bytes) -> str:
    """The dynamic programme of Li et al. (2019), eq. 6: drop bytes so that most characters stay."""
    best = [(0, "")]
    for end in range(1, len(data) + 1):
        choices = [best[end - 1]]
        for length in range(1, min(4, end) + 1):
            try:
                character = data[end - length : end].decode()
            except UnicodeDecodeError:
                continue
            if len(character) == 1:
                count, text = best[end - length]
                choices.append((count + 1, text + character))
        best.append(max(choices, key=lambda choice: choice[0]))
    return best[-1][1]


def test_invalid_bytes_give_the_text_with_most_characters(tokenizer):
    """Tokens of text with some dropped, doubled, swapped or added, as a search may leave them."""
    as_bytes = {ord("▁"): b" ", **{0x100 + b: bytes([b]) for b in range(256)}}
    generator = random.Random(1)
    damaged_texts = 0
    for _ in range(3000):
        ids = tokenizer.encode(generator.choice(TEXTS) + random_text(generator))
        for _ in range(generator.randint(1, 4)):
            place = generator.randrange(len(ids))
            ids[place : place + 1] = generator.choice(
                [[], [ids[place]] * 2, [generator.randrange(3, tokenizer.vocab_size), ids[place]]]
            )
            if not ids:
                break
        symbols = "".join(tokenizer.tokens[i] for i in ids)
        data = b"".join(as_bytes.get(ord(s), s.encode()) for s in symbols)
        try:
            data.decode()
        except UnicodeDecodeError:
            damaged_texts += 1
        assert tokenizer.decode(ids) == tokenizer.spaced(most_characters(data))
    assert damaged_texts > 500


def test_a_character_that_is_not_whole_yet_is_not_shown(tokenizer):
    ids = tokenizer.encode("龘")
    assert len(ids) == 3
    assert [tokenizer.decode(ids[:n]) for n in range(4)] == ["", "", "", "龘"]
    assert tokenizer.decode([*ids[:2], *tokenizer.encode("好")]) == "好"


def test_frequent_words_and_characters_are_one_token(tokenizer):
    spelled = [tokenizer.tokens[i] for i in tokenizer.encode("the 天")]
    assert spelled[0] == "▁the"
    assert len(spelled) == 2
    assert tokenizer.decode([tokenizer.encode("the 天")[1]]) == "天"


def test_no_token_reaches_over_the_end_of_a_han_character(tokenizer):
    whole = {i for text in MANDARIN for i in tokenizer.encode(text)}
    for token_id in whole:
        symbols = tokenizer.tokens[token_id]
        starts = [n for n, s in enumerate(symbols) if ord(s) - 0x100 >= 0xC0]
        assert starts in ([], [0])


def test_code_switched_text_is_spaced_by_one_rule(tokenizer):
    for text in ("我们love 你 , ok", "play音乐 吧", "T恤 和 K歌", "你 好 ， world 。"):
        assert tokenizer.decode(tokenizer.encode(text)) == space_scripts(text)


def test_text_of_one_script_will_do(tmp_path):
    for texts in (ENGLISH * 20, MANDARIN * 20):
        params = ByteBpeTokenizerParams(vocab_size=256)
        tokenizer = train_tokenizer("ByteBpeTokenizer", params, texts)
        tokenizer.save(tmp_path)
        loaded = load_tokenizer(tmp_path)
        text = "play 音乐 für 𠮷野家"
        assert loaded.encode(text) == tokenizer.encode(text)
        assert loaded.decode(loaded.encode(text)) == text


def test_impossible_vocab_size_names_one_that_works():
    with pytest.raises(UserError, match=r"vocab_size: 5000 is too large .* largest") as caught:
        train_tokenizer("ByteBpeTokenizer", ByteBpeTokenizerParams(vocab_size=5000), TEXTS)
    possible = int("".join(filter(str.isdigit, caught.value.todo)))
    params = ByteBpeTokenizerParams(vocab_size=possible)
    assert train_tokenizer("ByteBpeTokenizer", params, TEXTS).vocab_size == possible
    with pytest.raises(ValueError, match="256"):
        ByteBpeTokenizerParams(vocab_size=255)
    train_tokenizer("ByteBpeTokenizer", ByteBpeTokenizerParams(vocab_size=256), TEXTS)


def test_the_words_of_damaged_bytes_are_those_of_the_text(tokenizer):
    generator = random.Random(2)
    for _ in range(1000):
        ids = generator.choices(range(tokenizer.vocab_size), k=generator.randint(0, 20))
        spans = tokenizer.words(ids)
        assert [span.text for span in spans] == split_words(tokenizer.decode(ids))
    (first, second) = tokenizer.words(tokenizer.encode("龘a"))
    assert (first, second) == (("龘", 0, 2), ("a", 3, second.last))

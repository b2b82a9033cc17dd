from __future__ import annotations

import pytest

from asr.text.inspection import ScriptProfile, control_characters, markup, spoken_letters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text, with a stop.", ""),
        ("naïve café 我们 привет", ""),
        ("می‌خواهم", ""),  # U+200C belongs to the spelling
        ("क्‍ष", ""),  # and so does U+200D
        ("zero\u200bwidth", "U+200B"),
        ("\ufeffstart", "U+FEFF"),
        ("bell\x07 and \x00", "U+0000, U+0007"),
        ("lost \ufffd character", "U+FFFD"),
        ("private \ue000", "U+E000"),
        ("tab\tand\u3000space", ""),
    ],
)
def test_control_characters(text: str, expected: str) -> None:
    assert control_characters(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 < 3 and 5 > 4", ""),
        ("rock & roll; done", ""),
        ("an unclosed [ bracket", ""),
        ("well <unk> then", "<unk>"),
        ("<|en|> well", "<|en|>"),
        ("bold</b>", "</b>"),
        ("so [laughter] then", "[laughter]"),
        ("so {noise} then", "{noise}"),
        ("rock &amp; roll", "&amp;"),
        ("&#39;tis", "&#39;"),
        ("see https://example.org/a for it", "https://example.org/a"),
    ],
)
def test_markup(text: str, expected: str) -> None:
    assert markup(text) == expected


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("", 0),
        ("it's so, isn't it?", 11),
        ("我们 go", 8),
        ("ひらがな", 12),
        ("안녕", 6),
        ("in 1998", 14),
        ("naïve", 5),
        ("nai\u0308ve", 5),  # a combining sign is no letter
    ],
)
def test_spoken_letters(text: str, letters: int) -> None:
    assert spoken_letters(text) == letters


def test_rare_scripts_are_rare_in_this_corpus() -> None:
    profile = ScriptProfile(["just words"] * 198 + ["слово", "track 42"])
    assert profile.rare_scripts("слово") == "Cyrillic, in 1 of 200 transcripts"
    assert profile.rare_scripts("слово 7").count("transcripts") == 2
    assert profile.rare_scripts("just words, ok!") == ""


def test_scripts_that_many_use_are_not_rare() -> None:
    profile = ScriptProfile(["我们"] * 90 + ["我们 love"] * 10)
    assert profile.rare_scripts("love 我们") == ""


def test_few_transcripts_show_nothing() -> None:
    assert ScriptProfile(["word"] * 18 + ["слово"]).rare_scripts("слово") == ""
    assert ScriptProfile(["word"] * 19 + ["слово"]).rare_scripts("слово") != ""


def test_full_width_letters_are_latin() -> None:
    profile = ScriptProfile(["just words"] * 30 + ["ＡＢ"])
    assert profile.rare_scripts("ＡＢ") == ""

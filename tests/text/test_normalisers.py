"""What every normaliser keeps to, and that tokenizers, training and decoding use one."""

from __future__ import annotations

import json
import random
import re
import unicodedata
from typing import get_args

import pytest

from asr.cli.main import main
from asr.config.loading import load_config
from asr.config.stages import stage_settings
from asr.config.tokenizer import TOKENIZERS, NormaliserName
from asr.errors import UserError
from asr.text.normalise import TextNormaliser
from asr.text.scripts import space_scripts
from asr.text.tokenizers import load_tokenizer, train_tokenizer

SPOKEN = ["english", "english-folded", "mandarin", "mixed"]
PIECES = [
    "St.", "Mr.", "5 km", "$5", "3:30", "p.m.", "2008年", "2个", "-", "–", "US$", "1/2", "A.B.",
    "90s", "1st", "May 5", "%", "138", "年", "1,234", ".5", "'s", "我", "don't", "0", "No.", "²",
    "İ", "ß", "\u0301", "½", "⑤", "㎏", "１％", "，", "한", "カ", "é", "_", "@", "’", "#", "+",
]  # fmt: skip


def random_texts(seed: int) -> list[str]:
    generator = random.Random(seed)
    return [
        "".join(generator.choice(PIECES) + generator.choice(["", " "]) for _ in range(length))
        for length in (generator.randint(1, 8) for _ in range(3000))
    ]


@pytest.mark.parametrize("name", get_args(NormaliserName))
def test_what_it_has_written_it_leaves(name):
    normalise = TextNormaliser(name)
    for text in random_texts(seed=0):
        once = normalise(text)
        assert normalise(once) == once, text


@pytest.mark.parametrize("name", SPOKEN)
def test_only_letters_and_inner_apostrophes_remain(name):
    normalise = TextNormaliser(name)
    for text in random_texts(seed=1):
        spoken = normalise(text)
        letters = "".join(c for c in spoken if unicodedata.category(c)[0] != "M")
        assert re.fullmatch(r"([^\W\d_]|[' ])*", letters), text
        assert " ".join(spoken.split()) == spoken
        assert not re.search(r"(^| )'|'( |$)", spoken)


@pytest.mark.parametrize("name", ["mandarin", "mixed"])
def test_spaces_around_han_follow_the_one_rule(name):
    for text in random_texts(seed=2):
        spoken = TextNormaliser(name)(text)
        assert spoken == space_scripts(spoken)


def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'mandarin'"):
        TextNormaliser("mandrin")  # type: ignore[arg-type]


TEXTS = ["Mr. Smith paid $5, 我有3个.", "It’s 50%!", "今天 2个 dogs"] * 30
SIZES = {"BpeTokenizer": 30, "MixedTokenizer": 24, "ByteBpeTokenizer": 256}


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_tokenizer_spells_normalised_text_wherever_it_is_loaded(kind, tmp_path):
    size = {"vocab_size": SIZES[kind]} if kind in SIZES else {}
    params = TOKENIZERS[kind](normaliser="mixed", **size)
    train_tokenizer(kind, params, TEXTS).save(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.params.normaliser == "mixed"
    for text in TEXTS:
        ids = tokenizer.encode(text)
        assert tokenizer.unk_id not in ids
        spoken = tokenizer.decode(ids)
        assert spoken == tokenizer.canonical(text) == TextNormaliser("mixed")(text)
        assert not set("0123456789$%.,’") & set(spoken)


@pytest.mark.parametrize("kind", ["CharTokenizer", "ByteBpeTokenizer"])
def test_decoding_does_not_rewrite_what_was_recognised(kind):
    """Tokens that spell `mr` stay `mr`: a normaliser is for transcripts."""
    size = {"vocab_size": 256} if kind in SIZES else {}
    tokenizer = train_tokenizer(
        kind,
        TOKENIZERS[kind](normaliser="english", **size),
        ["mister " * 3, "other words of a text"],
    )
    spelled = [tokenizer.tokens.index(c) for c in "mri"]
    assert tokenizer.decode(spelled[:2]) == "mr"
    assert tokenizer.canonical("mr") == "mister"


def test_tokenizer_saved_before_there_were_normalisers_loads_with_none(tmp_path):
    train_tokenizer("CharTokenizer", TOKENIZERS["CharTokenizer"](), ["a 5"]).save(tmp_path)
    path = tmp_path / "tokenizer.json"
    description = json.loads(path.read_text())
    del description["params"]["normaliser"]
    path.write_text(json.dumps({**description, "format_version": 1}))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.params.normaliser == "none"
    assert tokenizer.decode(tokenizer.encode("a 5")) == "a 5"


def test_the_conf_chooses_and_the_folder_is_named_after_it(tmp_path, capsys):
    conf = tmp_path / "conf.yaml"
    conf.write_text("tokenizer: CharTokenizer\ntokenizer_params: {normaliser: english}\n")
    text = tmp_path / "text"
    text.write_text("Dr. No's 2nd\n", encoding="utf-8")
    lang = tmp_path / "lang"
    assert (
        main(["tokenizer", "--config", str(conf), "--text", str(text), "--output-dir", str(lang)])
        == 0
    )
    assert "1 transcripts (3 words)" in capsys.readouterr().out
    tokenizer = load_tokenizer(lang)
    assert tokenizer.decode(tokenizer.encode("Dr. No's 2nd")) == "doctor no's second"
    settings = stage_settings(load_config(conf))
    assert settings["lang"] == "lang_char_english"
    plain = stage_settings(load_config(conf, ["tokenizer_params.normaliser=none"]))
    assert plain["lang"] == "lang_char"
    assert plain["tokenizer_hash"] != settings["tokenizer_hash"]


def test_a_wrong_name_in_a_conf_is_one_line(tmp_path, capsys):
    conf = tmp_path / "conf.yaml"
    conf.write_text("tokenizer_params: {normaliser: englisch}\n")
    assert main(["config", str(conf)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "tokenizer_params.normaliser" in error
    assert "'english'" in error

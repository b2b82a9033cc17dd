"""Every tokenizer: round trips, agreement with sentencepiece, saving, and what it refuses."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import sentencepiece

from asr.config.tokenizer import (
    TOKENIZERS,
    BpeTokenizerParams,
    CharTokenizerParams,
    MixedTokenizerParams,
)
from asr.errors import UserError
from asr.text.scripts import space_scripts, split_words
from asr.text.tokenizers import load_tokenizer, train_tokenizer, unknown_characters
from asr.text.tokenizers.base import FORMAT_VERSION

ENGLISH_PHRASES = [
    "play stop pause the music please turn it's on off a light lamp kitchen bedroom radio volume",
    "down one two three four five six seven eight nine ten eleven twelve twenty-one alarm what",
    "is it louder quieter next previous song weather tomorrow remind me call mother cancel time up",
]
ENGLISH_WORDS = " ".join(ENGLISH_PHRASES).split()
MANDARIN_WORDS = ["今天", "天气", "很好", "我们", "去", "北京", "吧", "音乐", "播放", "𠮷野家"]
HAN = set("".join(MANDARIN_WORDS))
SIZE = 60  # of the subword vocabularies
KINDS = ["CharTokenizer", "BpeTokenizer", "MixedTokenizer"]
SIZES = {"ByteBpeTokenizer": 290, "BpeTokenizer": SIZE, "MixedTokenizer": SIZE}


def sentences(words: list[str], count: int = 300, seed: int = 0) -> list[str]:
    generator = random.Random(seed)
    return [" ".join(generator.choices(words, k=generator.randint(1, 9))) for _ in range(count)]


ENGLISH = sentences(ENGLISH_WORDS)
MIXED = sentences(ENGLISH_WORDS + MANDARIN_WORDS)


def train(kind: str, texts: list[str], **params):
    if kind in SIZES:
        params = {"vocab_size": SIZES[kind], **params}
    return train_tokenizer(kind, TOKENIZERS[kind](**params), texts)


@pytest.fixture(scope="module", params=[*KINDS, "ByteBpeTokenizer"])
def tokenizer(request):
    return train(request.param, MIXED)


def test_special_tokens_come_first(tokenizer):
    assert tokenizer.tokens[:3] == ["<blk>", "<sos/eos>", "<unk>"]
    assert (tokenizer.blank_id, tokenizer.sos_eos_id, tokenizer.unk_id) == (0, 1, 2)
    assert len(set(tokenizer.tokens)) == tokenizer.vocab_size == len(tokenizer.tokens)


def test_round_trip_of_text_with_known_characters(tokenizer):
    alphabet = sorted(set("".join(MIXED)))
    generator = random.Random(3)
    random_texts = ["".join(generator.choices(alphabet, k=12)) for _ in range(500)]
    for text in MIXED + random_texts:
        ids = tokenizer.encode(text)
        assert tokenizer.unk_id not in ids
        assert tokenizer.decode(ids) == tokenizer.canonical(text)
        assert tokenizer.encode(tokenizer.decode(ids)) == ids


def test_decode_takes_any_valid_ids_and_drops_special_tokens(tokenizer):
    generator = random.Random(4)
    for _ in range(500):
        ids = generator.choices(range(tokenizer.vocab_size), k=generator.randint(0, 15))
        text = tokenizer.decode(ids)
        assert text == tokenizer.canonical(text)
        assert text == tokenizer.decode([i for i in ids if i > 2])
    assert tokenizer.decode([0, 1, 2]) == tokenizer.decode([]) == ""


def test_decode_refuses_ids_outside_the_vocabulary(tokenizer):
    for wrong in (-1, tokenizer.vocab_size):
        with pytest.raises(ValueError, match=str(wrong)):
            tokenizer.decode([3, wrong])


def test_white_space_and_empty_text(tokenizer):
    assert tokenizer.encode("") == tokenizer.encode(" \t\n") == []
    assert tokenizer.encode("\tplay  the\u3000music\n") == tokenizer.encode("play the music")
    assert tokenizer.encode("play▁the") == tokenizer.encode("play the")


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_characters_are_exactly_those_encoded_as_unk(kind):
    tokenizer = train(kind, MIXED)
    assert unknown_characters(tokenizer, MIXED) == Counter()
    texts = ["play Ωmega", "我爱北京", "ΩΩ"]
    assert unknown_characters(tokenizer, texts) == {"Ω": 3, "爱": 1}
    generator = random.Random(5)
    for _ in range(300):
        text = "".join(generator.choices("playΩ爱我京# ", k=6))
        has_unknown = tokenizer.unk_id in tokenizer.encode(text)
        assert has_unknown == bool(unknown_characters(tokenizer, [text]))


def test_save_and_load_give_an_equal_tokenizer(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "lang")
    loaded = load_tokenizer(tmp_path / "lang")
    assert type(loaded) is type(tokenizer)
    assert loaded.params == tokenizer.params
    assert loaded.tokens == tokenizer.tokens
    for text in MIXED:
        assert loaded.encode(text) == tokenizer.encode(text)
    lines = (tmp_path / "lang/tokens.txt").read_text(encoding="utf-8").splitlines()
    assert lines == [f"{token} {i}" for i, token in enumerate(tokenizer.tokens)]
    loaded.save(tmp_path / "again")
    assert saved_bytes(tmp_path / "again") == saved_bytes(tmp_path / "lang")


def test_a_tokenizer_travels_to_worker_processes(tokenizer):
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.encode(MIXED[0]) == tokenizer.encode(MIXED[0])


def saved_bytes(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("CharTokenizer", {}),
        ("BpeTokenizer", {"vocab_size": SIZE}),
        ("BpeTokenizer", {"vocab_size": SIZE, "model_type": "bpe"}),
        ("MixedTokenizer", {"vocab_size": SIZE}),
        ("ByteBpeTokenizer", {"vocab_size": 290, "normaliser": "mixed"}),
    ],
)
def test_training_again_elsewhere_gives_the_same_bytes(kind, params, tmp_path):
    """Another process, another hash seed."""
    train(kind, MIXED, **params).save(tmp_path / "here")
    (tmp_path / "text").write_text("\n".join(MIXED), encoding="utf-8")
    code = (
        "import sys; from pathlib import Path\n"
        "from asr.config.tokenizer import TOKENIZERS\n"
        "from asr.text.tokenizers import train_tokenizer\n"
        f"params = TOKENIZERS[{kind!r}](**{params!r})\n"
        "texts = Path(sys.argv[1]).read_text(encoding='utf-8').split('\\n')\n"
        f"train_tokenizer({kind!r}, params, texts).save(sys.argv[2])\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "text"), str(tmp_path / "there")]
    subprocess.run(arguments, check=True)
    assert saved_bytes(tmp_path / "here") == saved_bytes(tmp_path / "there")


def test_char_vocabulary_is_sorted_and_ignores_the_order_of_the_text():
    tokens = train("CharTokenizer", ENGLISH).tokens
    assert tokens[3:] == sorted(set("".join(ENGLISH).replace(" ", "▁")))
    assert train("CharTokenizer", ENGLISH[::-1]).tokens == tokens


def test_char_ids_are_positions_in_the_vocabulary():
    tokenizer = train("CharTokenizer", ["ba ab", "c"])
    assert tokenizer.tokens[3:] == ["a", "b", "c", "▁"]
    assert tokenizer.encode("ab dc") == [3, 4, 6, 2, 5]


def test_char_min_count_leaves_rare_characters_to_unk():
    tokenizer = train("CharTokenizer", ["aab", "abc"], min_count=2)
    assert tokenizer.tokens[3:] == ["a", "b"]
    assert tokenizer.encode("abc") == [3, 4, 2]
    with pytest.raises(UserError, match="Set it to 3 or less"):
        train("CharTokenizer", ["aab", "abc"], min_count=4)


def test_char_mandarin_has_no_space_token():
    tokenizer = train("CharTokenizer", ["广州市 房地产 中介", "今天 天气"])
    assert "▁" not in tokenizer.tokens
    assert tokenizer.decode(tokenizer.encode("广州 房地产")) == "广州房地产"
    assert unknown_characters(tokenizer, ["ok 广州"]) == {"o": 1, "k": 1, " ": 1}


def test_char_keeps_the_spaces_a_transcript_has_between_scripts():
    tokenizer = train("CharTokenizer", ["T恤 和 love 你"])
    assert tokenizer.decode(tokenizer.encode("T恤 和 love 你")) == "T恤和 love 你"


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_bpe_agrees_with_sentencepiece_trained_its_own_way(model_type, tmp_path):
    """A reference trained from a file with sentencepiece's own special tokens."""
    text_file = tmp_path / "text"
    text_file.write_text("\n".join(ENGLISH) + "\n", encoding="utf-8")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        input=str(text_file),
        model_writer=model,
        vocab_size=SIZE,
        model_type=model_type,
        character_coverage=1.0,
        minloglevel=2,
    )
    reference = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    tokenizer = train("BpeTokenizer", ENGLISH, model_type=model_type)
    assert tokenizer.vocab_size == SIZE
    assert tokenizer.tokens[3:] == [reference.id_to_piece(i) for i in range(3, SIZE)]
    for text in sentences(ENGLISH_WORDS, seed=6):
        pieces = [tokenizer.tokens[i] for i in tokenizer.encode(text)]
        assert pieces == reference.encode(text, out_type=str)
        assert tokenizer.decode(tokenizer.encode(text)) == reference.decode(pieces) == text


def test_saved_bpe_model_works_in_sentencepiece_alone(tmp_path):
    tokenizer = train("BpeTokenizer", ENGLISH)
    tokenizer.save(tmp_path)
    plain = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "bpe.model"))
    for text in ENGLISH:
        assert tokenizer.encode(text) == plain.encode(text)


def test_bpe_does_not_normalise_characters():
    tokenizer = train("BpeTokenizer", ["Ｈｅ ﬁve ½ Straße"] * 20, vocab_size=16)
    assert tokenizer.decode(tokenizer.encode("ﬁve Ｈｅ")) == "ﬁve Ｈｅ"


def test_bpe_uses_texts_longer_than_the_default_limit_of_sentencepiece():
    long_text = " ".join(sentences(ENGLISH_WORDS, count=400))
    assert len(long_text) > 4192
    tokenizer = train("BpeTokenizer", ["zq zq", long_text])
    assert unknown_characters(tokenizer, [long_text]) == Counter()


@pytest.mark.parametrize("kind", ["BpeTokenizer", "MixedTokenizer"])
@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_impossible_vocab_size_names_one_that_works(kind, model_type):
    for wrong, word in ((5000, "largest"), (8, "smallest")):
        with pytest.raises(UserError, match=rf"vocab_size: {wrong} is too .* {word}") as caught:
            train(kind, MIXED, vocab_size=wrong, model_type=model_type)
        possible = int("".join(filter(str.isdigit, caught.value.todo)))
        tokenizer = train(kind, MIXED, vocab_size=possible, model_type=model_type)
        han = HAN if kind == "MixedTokenizer" else set()
        assert len(set(tokenizer.tokens) - han) == possible
        beyond = possible + (1 if word == "largest" else -1)
        with pytest.raises(UserError, match=f"{possible}"):
            train(kind, MIXED, vocab_size=beyond, model_type=model_type)


def test_mixed_spells_han_by_character_and_the_rest_by_subwords():
    tokenizer = train("MixedTokenizer", MIXED)
    subwords, characters = tokenizer.tokens[:SIZE], tokenizer.tokens[SIZE:]
    assert characters == sorted(HAN)
    assert not set(characters) & set("".join(subwords))
    spelled = [tokenizer.tokens[i] for i in tokenizer.encode("我 们 play the 音乐")]
    assert spelled[:2] == ["我", "们"]
    assert spelled[-2:] == ["音", "乐"]
    assert "".join(spelled[2:-2]) == "▁play▁the"
    assert all(token in subwords for token in spelled[2:-2])


def test_mixed_writes_spaces_by_one_rule():
    tokenizer = train("MixedTokenizer", [*MIXED, "， , 。"])
    expected = {
        "今天天气很好": "今天天气很好",
        "今天 天气": "今天天气",
        "play the音乐please": "play the 音乐 please",
        "我们 ， 播放 。": "我们，播放。",
        "turn it off , 我们": "turn it off ,我们",
    }
    for text, canonical in expected.items():
        assert tokenizer.decode(tokenizer.encode(text)) == canonical == space_scripts(text)


def test_mixed_refuses_text_of_one_script():
    with pytest.raises(UserError, match="Use CharTokenizer"):
        train("MixedTokenizer", ["今天 天气", "很好"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texts", [[], ["", "  ", "\t"]])
def test_no_text_is_refused(kind, texts):
    with pytest.raises(UserError, match="no text"):
        train(kind, texts)


def test_parameters_are_checked():
    assert CharTokenizerParams() == CharTokenizerParams(min_count=1)
    assert (BpeTokenizerParams().vocab_size, MixedTokenizerParams().vocab_size) == (500, 500)
    for wrong in ({"vocab_size": 7}, {"vocab_size": "500"}, {"model_type": "word"}, {"size": 9}):
        with pytest.raises(ValueError):
            BpeTokenizerParams(**wrong)


def test_unknown_kind_names_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'BpeTokenizer'"):
        train_tokenizer("BPETokenizer", BpeTokenizerParams(), ENGLISH)


def test_saving_over_another_kind_leaves_nothing_of_it(tmp_path):
    train("BpeTokenizer", ENGLISH).save(tmp_path)
    train("CharTokenizer", ENGLISH).save(tmp_path)
    assert sorted(saved_bytes(tmp_path)) == ["tokenizer.json", "tokens.txt"]


def edit_description(directory: Path, **changes) -> None:
    path = directory / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_tokenizer_of_a_newer_version_is_refused(tmp_path):
    train("CharTokenizer", ENGLISH).save(tmp_path)
    edit_description(tmp_path, format_version=FORMAT_VERSION + 1, kind="NewTokenizer")
    with pytest.raises(UserError, match=r"tokenizer\.json: the tokenizer has format"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "CharTokeniser"}, "Did you mean 'CharTokenizer'"),
        ({"params": {"min_counts": 1}}, r"params\.min_counts: unknown key"),
        ({"params": {"min_count": "two"}}, r"params\.min_count"),
        ({"params": None}, "params: must hold keys"),
        ({"format_version": None}, "is not a tokenizer's description"),
    ],
)
def test_damaged_description_is_one_clear_error(changes, message, tmp_path):
    train("CharTokenizer", ENGLISH).save(tmp_path)
    edit_description(tmp_path, **changes)
    with pytest.raises(UserError, match=message):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", None, "no tokenizer here"),
        ("tokenizer.json", b"{", "not valid JSON"),
        ("tokenizer.json", b"[]", "is not a tokenizer's description"),
        ("tokens.txt", None, "does not exist"),
        ("tokens.txt", b"", r"tokens\.txt:1: expected"),
        ("tokens.txt", b"<blk> 0\n<sos/eos> 1\n<unk> 2\na 4\n", r"tokens\.txt:4: expected"),
        ("tokens.txt", b"<blk> 0\na 1\n<unk> 2\n", "must begin with"),
        ("tokens.txt", b"<blk> 0\n<sos/eos> 1\n<unk> 2\na 3\n", "not as they were saved"),
        ("tokens.txt", b"\xff\xfe 0\n", "UTF-8"),
        ("bpe.model", None, "bpe.model"),
        ("bpe.model", b"", "not a sentencepiece model"),
        ("bpe.model", b"not a model", "not a sentencepiece model"),
    ],
)
@pytest.mark.parametrize("kind", ["BpeTokenizer", "MixedTokenizer"])
def test_damaged_directory_is_one_clear_error(kind, name, content, message, tmp_path):
    train(kind, MIXED).save(tmp_path)
    path = tmp_path / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("kind", ["BpeTokenizer", "MixedTokenizer"])
def test_truncated_model_never_loads(kind, tmp_path):
    train(kind, MIXED).save(tmp_path)
    path = tmp_path / "bpe.model"
    model = path.read_bytes()
    for size in range(0, len(model), 5):
        path.write_bytes(model[:size])
        with pytest.raises(UserError, match=r"not a sentencepiece model|not as they were saved"):
            load_tokenizer(tmp_path)


def test_words_are_those_of_the_decoded_text(tokenizer):
    generator = random.Random(7)
    for text in MIXED[:100]:
        ids = tokenizer.encode(text)
        spans = tokenizer.words(ids)
        assert [span.text for span in spans] == split_words(tokenizer.canonical(text))
        assert tokenizer.spaced(" ".join(span.text for span in spans)) == tokenizer.decode(ids)
        for span, following in itertools.pairwise(spans):
            assert span.first <= span.last < following.first
    for _ in range(300):  # what a search may propose
        ids = generator.choices(range(tokenizer.vocab_size), k=generator.randint(0, 12))
        spans = tokenizer.words(ids)
        assert [span.text for span in spans] == split_words(tokenizer.decode(ids))


def test_the_tokens_of_a_word_spell_it(tokenizer):
    for text in MIXED[:100]:
        ids = tokenizer.encode(text)
        for span in tokenizer.words(ids):
            assert tokenizer.decode(ids[span.first : span.last + 1]) == span.text


def test_words_know_their_tokens_beside_spaces_and_special_tokens():
    tokenizer = train("CharTokenizer", ["ab c"])
    a, b, c, space = (tokenizer.tokens.index(token) for token in "abc▁")
    ids = [space, a, tokenizer.unk_id, b, space, space, c, tokenizer.sos_eos_id]
    assert tokenizer.words(ids) == [("ab", 1, 3), ("c", 6, 6)]
    with pytest.raises(ValueError, match="not in"):
        tokenizer.words([99])

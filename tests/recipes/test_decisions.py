"""What is chosen for made-up corpora: only their description is needed."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from asr.config.bases import PRESETS, lay_over, read_conf
from asr.config.loading import default_classes, parse_config
from asr.config.schema import ExperimentConfig
from asr.recipes.decisions import Plan, decide
from asr.recipes.survey import Survey, survey_texts
from asr.signal.synthesis.rehearsal import WORDS
from asr.text.tokenizers import train_tokenizer

LETTERS = "etaoinshrdlucmfwyp"


def survey(hours: float, texts: list[str], rates: dict[int, float] | None = None) -> Survey:
    return Survey(
        utterances=len(texts),
        hours=hours,
        is_estimate=False,
        speakers=Counter(a=len(texts)),
        seconds_by_rate=rates or {16000: 3600 * hours},
        text=survey_texts(texts),
    )


def sentences(words: list[str], count: int = 400) -> list[str]:
    draw = random.Random(0)
    return [" ".join(draw.choices(words, k=6)) for _ in range(count)]


def english(count: int) -> list[str]:
    """`count` different made-up words."""
    draw = random.Random(1)
    return ["".join(draw.choices(LETTERS, k=draw.randint(3, 8))) for _ in range(count)]


def load(plan: Plan) -> ExperimentConfig:
    """Return the plan's conf over its preset, checked by the schema."""
    defaults = default_classes(ExperimentConfig)
    preset = read_conf(PRESETS / f"conformer{plan.preset_size}.yaml", defaults)
    return parse_config(lay_over(preset, plan.conf, defaults), "plan")


def test_an_hour_of_mandarin() -> None:
    plan = decide(survey(1.0, ["今天天气很好", "打开红色的窗户"] * 20))
    assert plan.conf["tokenizer"] == "CharTokenizer"
    assert (plan.language, plan.unit, plan.preset_size) == ("cmn", "char", "_small")
    assert any("little" in warning for warning in plan.warnings)


def test_two_hundred_hours_of_english() -> None:
    texts = sentences(english(3000), 2000)
    plan = decide(survey(200.0, texts), "en")
    assert (plan.conf["tokenizer"], plan.conf["tokenizer_params"]) == (
        "BpeTokenizer",
        {"vocab_size": 500},
    )
    assert (plan.unit, plan.preset_size, plan.warnings) == ("word", "", [])
    assert plan.conf["training"] == {"max_epochs": 60, "batch_duration": 1200.0}
    config_params = plan.conf["features_params"]
    assert config_params == {"num_mel_bins": 80, "sampling_rate": 16000}


def test_vocabulary_grows_with_the_hours() -> None:
    texts = sentences(english(30000), 20000)
    sizes = [
        decide(survey(hours, texts), "en").conf["tokenizer_params"].get("vocab_size")
        for hours in (5, 20, 200, 800, 5000)
    ]
    assert sizes == [None, 250, 500, 2000, 5000]


def test_few_different_words_get_characters() -> None:
    plan = decide(survey(20.0, sentences(["zero", "one", "two", "three"])), "en")
    assert plan.conf["tokenizer"] == "CharTokenizer"
    assert "4 different words" in next(d.why for d in plan.decisions if d.what == "tokens")


@pytest.mark.parametrize("hours", [0.5, 50.0])
def test_code_switching(hours: float) -> None:
    texts = sentences(WORDS["cmn"], 1000) + sentences(english(2000) if hours > 10 else WORDS["en"])
    plan = decide(survey(hours, texts))
    assert plan.conf["tokenizer"] == "MixedTokenizer"
    assert (plan.language, plan.unit) == ("cmn-en", "mixed")


def test_code_switched_tokens_can_be_trained() -> None:
    texts = sentences([*WORDS["cmn"], *WORDS["en"]], 40)
    plan = decide(survey(0.1, texts))
    config = load(plan)
    tokenizer = train_tokenizer(config.tokenizer, config.tokenizer_params, texts)
    assert tokenizer.decode(tokenizer.encode("请 open 窗户")) == "请 open 窗户"


def test_telephone_speech() -> None:
    plan = decide(survey(5.0, ["yes no"] * 10, {8000: 17000.0, 16000: 1000.0}))
    assert plan.conf["features_params"] == {"num_mel_bins": 40, "sampling_rate": 8000}
    masks = load(plan).augmentation.spec_augment
    wide = load(decide(survey(5.0, ["yes no"]))).augmentation.spec_augment
    assert masks.features_mask_size == wide.features_mask_size // 2
    assert masks.num_frame_masks == wide.num_frame_masks
    mixed = decide(survey(5.0, ["yes no"] * 10, {8000: 6000.0, 44100: 12000.0}))
    assert mixed.conf["features_params"]["sampling_rate"] == 16000
    assert any("33% of the audio has less than 16000 Hz" in text for text in mixed.warnings)


@pytest.mark.parametrize(
    ("text", "code"), [("今日はいい天気です", "ja"), ("오늘 날씨", "ko"), ("hyvää päivää", "und")]
)
def test_language_by_script(text: str, code: str) -> None:
    assert decide(survey(1.0, [text])).language == code
    assert decide(survey(1.0, [text]), "fi").language == "fi"


def test_little_speech_still_makes_steps() -> None:
    training = decide(survey(0.05, ["a b"])).conf["training"]
    assert training["batch_duration"] == 20.0
    assert training["max_epochs"] == 100

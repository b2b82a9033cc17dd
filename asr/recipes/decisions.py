"""From what a corpus is to how to train on it; every decision says why it was taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from asr.config.augmentation import SpecAugment
from asr.config.bases import PRESETS, read_mapping
from asr.config.tokenizer import NormaliserName
from asr.recipes.survey import LONGEST, Survey
from asr.recipes.writing import choose_normaliser, writing_warnings
from asr.scoring.alignment import Unit
from asr.text.scripts import is_cjk
from asr.text.symbols import SPECIAL_TOKENS

PRESET_MEL_BINS = 80
ALL_CJK, SOME_CJK = 0.95, 0.05  # shares of the words between which text is code-switched
FEWEST_BPE_HOURS = 10.0
FULL_SIZE_HOURS = 100.0
WORDS_A_TOKEN = 4  # different words that a vocabulary wants for each subword
FEWEST_STEPS_AN_EPOCH = 50
# Up to so many hours: subwords; passes over the data.
_VOCABULARIES = ((50.0, 250), (300.0, 500), (1000.0, 2000), (float("inf"), 5000))
_EPOCHS = ((10.0, 100), (100.0, 80), (500.0, 60), (float("inf"), 30))
_UNITS: dict[Unit, str] = {
    "word": "words",
    "char": "characters",
    "mixed": "characters and words",
}


@dataclass(frozen=True)
class Decision:
    """One thing that was decided.

    Attributes:
        what: model, tokens, ….
        choice: in a few words.
        why: likewise.
    """

    what: str
    choice: str
    why: str


@dataclass(frozen=True)
class Plan:
    """How to train on a corpus.

    Attributes:
        preset_size: what the presets' names end in: `_small` or nothing.
        unit: what results count, as `asr score --unit` takes it.
        normaliser: what is done to transcripts before they are spelled, and scored.
        conf: what is laid over the presets.
        fewest_tokens: the smallest vocabulary that the letters allow, where there are subwords.
    """

    language: str
    preset_size: str
    unit: Unit
    normaliser: NormaliserName
    conf: dict[str, Any]
    fewest_tokens: int | None = None
    decisions: list[Decision] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def decide(
    survey: Survey, language: str | None = None, normaliser: NormaliserName | None = None
) -> Plan:
    """Choose language, writing, tokens, sampling rate, model and training length.

    Args:
        language: what the user says it is; guessed from the script otherwise.
        normaliser: likewise; chosen by how the transcripts are written.
    """
    named, why_language = (language, "given") if language else _guess_language(survey)
    unit = _unit(survey.text.cjk_share)
    chosen, why_chosen = choose_normaliser(
        survey.writing, named, survey.text.cjk_share, unit == "mixed"
    )
    if normaliser is not None:
        chosen, why_chosen = normaliser, "given"
    survey = survey.normalised(chosen)
    rate = _sampling_rate(survey)
    tokenizer, vocab_size, why_tokens = _tokens(survey)
    size = "" if survey.hours >= FULL_SIZE_HOURS else "_small"
    training, warmup, why_length = _length(survey.hours, size)
    mel_bins = PRESET_MEL_BINS if rate >= 16000 else PRESET_MEL_BINS // 2
    tokens: dict[str, Any] = {} if vocab_size is None else {"vocab_size": vocab_size}
    if chosen != "none":
        tokens["normaliser"] = chosen
    kind = tokenizer.removesuffix("Tokenizer")
    decisions = [
        Decision("language", named, why_language),
        Decision("text", f"normaliser: {chosen}", why_chosen),
        Decision("tokens", f"{kind}{f' {vocab_size}' if vocab_size else ''}", why_tokens),
        Decision("results count", _UNITS[unit], "how the language is written"),
        Decision("features", f"{rate} Hz, {mel_bins} mel bins", _rates(survey)),
        Decision("model", f"conformer{size}", _why_model(survey.hours, size)),
        Decision("training", f"{training['max_epochs']} epochs", why_length),
    ]
    conf: dict[str, Any] = {
        "features_params": {"num_mel_bins": mel_bins, "sampling_rate": rate},
        "tokenizer": tokenizer,
        "tokenizer_params": tokens,
        "scheduler_params": {"warmup_steps": warmup},
        "training": training,
    }
    if mel_bins != PRESET_MEL_BINS:  # masks as wide as the presets' would hide all of fewer bins
        width = SpecAugment().features_mask_size * mel_bins // PRESET_MEL_BINS
        conf["augmentation"] = {"spec_augment": {"features_mask_size": width}}
    fewest = None if vocab_size is None else _fewest_tokens(survey)
    warnings = _warnings(survey) + writing_warnings(survey.writing, chosen)
    return Plan(named, size, unit, chosen, conf, fewest, decisions, warnings)


def _unit(cjk_share: float) -> Unit:
    if cjk_share > ALL_CJK:
        return "char"
    return "mixed" if cjk_share >= SOME_CJK else "word"


def _tokens(survey: Survey) -> tuple[str, int | None, str]:
    """Return tokenizer, vocabulary size if it has one, and why."""
    text, hours = survey.text, survey.hours
    if text.cjk_share > ALL_CJK:
        return "CharTokenizer", None, "Han and kana: a token a character"
    if text.cjk_share >= SOME_CJK:
        size = _vocabulary(survey, hours * (1 - text.cjk_share))
        share = f"{text.cjk_share:.0%} of the words are Han or kana"
        return "MixedTokenizer", size, f"{share}: characters for these, subwords for the rest"
    if hours < FEWEST_BPE_HOURS:
        return "CharTokenizer", None, f"{_hours(hours)}: too little for subwords"
    size = _vocabulary(survey, hours)
    if text.distinct_words < WORDS_A_TOKEN * size:
        return "CharTokenizer", None, f"{text.distinct_words} different words: too few for subwords"
    return "BpeTokenizer", size, f"subwords that fit {_hours(hours)}"


def _vocabulary(survey: Survey, hours: float) -> int:
    """Return a number of subwords: as the hours allow, and never fewer than the letters need.

    Letters alone are the smallest vocabulary that sentencepiece accepts; little data, or few
    different words, get no more.
    """
    fewest = _fewest_tokens(survey)
    wanted = next(size for most, size in _VOCABULARIES if hours <= most)
    if hours < FEWEST_BPE_HOURS or survey.text.distinct_words < WORDS_A_TOKEN * wanted:
        return fewest
    return max(wanted, 2 * fewest)


def _fewest_tokens(survey: Survey) -> int:
    letters = sum(not is_cjk(character) for character in survey.text.characters)
    return letters + len(SPECIAL_TOKENS) + 1  # one for the space


def _sampling_rate(survey: Survey) -> int:
    """Return 16 kHz where half of the audio has at least that, else the rate most of it has."""
    seconds = survey.seconds_by_rate
    wide = sum(duration for rate, duration in seconds.items() if rate >= 16000)
    if not seconds or 2 * wide >= sum(seconds.values()):
        return 16000
    return max((rate for rate in seconds if rate < 16000), key=lambda rate: seconds[rate])


def _length(hours: float, size: str) -> tuple[dict[str, Any], int, str]:
    """Return training parameters, steps of warm-up, and why."""
    preset = read_mapping(PRESETS / f"conformer{size}.yaml")
    epochs = next(epochs for most, epochs in _EPOCHS if hours <= most)
    usual = float(preset["training"]["batch_duration"])
    batch = round(min(usual, max(20.0, 3600 * hours / FEWEST_STEPS_AN_EPOCH)))
    steps = max(1, round(3600 * hours / batch)) * epochs
    warmup = max(1, min(int(preset["scheduler_params"]["warmup_steps"]), steps // 10))
    why = f"{_hours(hours)} in batches of {batch} s: about {steps} steps"
    return {"max_epochs": epochs, "batch_duration": float(batch)}, warmup, why


def _guess_language(survey: Survey) -> tuple[str, str]:
    """Return a code and why; what Latin or Cyrillic letters spell cannot be told from them."""
    scripts = survey.text.scripts
    share = survey.text.cjk_share
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if kana and 10 * kana > scripts["CJK"]:
        return "ja", "kana"
    if share > ALL_CJK:
        return "cmn", "Han characters"
    if share >= SOME_CJK:
        return "cmn-en", "Han characters and words in letters"
    if scripts and scripts.most_common(1)[0][0] == "HANGUL":
        return "ko", "Hangul"
    return "und", "not to be told from the letters; a label only, set by --language"


def _rates(survey: Survey) -> str:
    total = sum(survey.seconds_by_rate.values())
    parts = sorted(survey.seconds_by_rate.items(), key=lambda item: -item[1])
    shares = ", ".join(f"{seconds / total:.0%} has {rate} Hz" for rate, seconds in parts[:3])
    return f"of the audio {shares}" if shares else "no audio could be read"


def _why_model(hours: float, size: str) -> str:
    below = "less than" if size else "at least"
    return f"{_hours(hours)}, {below} {FULL_SIZE_HOURS:g} h"


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.1f} min"


def _warnings(survey: Survey) -> list[str]:
    found = []
    if survey.hours < FEWEST_BPE_HOURS:
        found.append(
            f"{_hours(survey.hours)} of speech is little to learn from: expect the words of the"
            " corpus and voices like its own to be recognised, and not much else"
        )
    rate = _sampling_rate(survey)
    narrow = sum(s for r, s in survey.seconds_by_rate.items() if r < rate)
    if narrow:
        share = narrow / sum(survey.seconds_by_rate.values())
        found.append(f"{share:.0%} of the audio has less than {rate} Hz and is upsampled")
    if survey.num_long:
        found.append(
            f"{survey.num_long} of the utterances looked at are longer than {LONGEST:g} s; stage 1"
            " sets them aside"
        )
    return found

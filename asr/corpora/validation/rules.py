"""The rules that look at one utterance: what is wrong with it, and the details."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lhotse.utils import compute_num_samples

from asr.corpora.faults.reasons import Reason
from asr.corpora.feasibility import required_ctc_length
from asr.corpora.validation.audio_checks import TO_THE_END, SegmentCheck
from asr.corpora.validation.options import CtcRule, ValidationOptions
from asr.corpora.validation.utterance import Utterance
from asr.text.inspection import ScriptProfile, control_characters, markup, spoken_letters
from asr.text.tokenizers import unknown_characters

_TRUNCATION_TOLERANCE = 0.01  # seconds; headers that are off by a few bytes are common
_MAX_OVERSHOOT = 0.5  # seconds past a recording's end that are just cut off; Kaldi's own figure
_QUIET_PEAK = 0.1  # below it equal samples are a matter of rounding, not of clipping
_FEWEST_CLIPPED = 8  # samples; a single crest may be flat by chance
_RATE_SLACK = 0.2  # seconds added before speech is called too fast: tight cuts shorten a word
_LONG_ENOUGH = 2.0  # seconds, from which on a transcript can be too little


@dataclass(frozen=True)
class Judge:
    """Applies the rules.

    Args:
        scripts: of all transcripts of the corpus.
        ctc: None where no tokenizer is known yet.
    """

    options: ValidationOptions
    scripts: ScriptProfile
    ctc: CtcRule | None = None

    def faults(self, utterance: Utterance) -> Iterator[tuple[Reason, str]]:
        """Yield what is wrong with an utterance, up to the first fault that rejects it."""
        for reason, rule in (_RULES if utterance.audio is None else _DECODED_RULES).items():
            detail = rule(utterance, self)
            if detail:
                yield reason, detail
                if reason in self.options.rejecting:
                    return


_Rule = Callable[[Utterance, Judge], str | None]


def _missing_audio(utterance: Utterance, _: Judge) -> str | None:
    audio = utterance.audio
    return None if audio is None or audio.exists else "transcript without audio"


def _empty_transcript(utterance: Utterance, _: Judge) -> str | None:
    return None if utterance.text else "the transcript holds nothing but white space"


def _unreadable_audio(utterance: Utterance, _: Judge) -> str | None:
    return None if utterance.audio is None else utterance.audio.error


def _empty_audio(utterance: Utterance, _: Judge) -> str | None:
    return None if utterance.num_samples else "the file holds no samples"


def _changed_audio(utterance: Utterance, _: Judge) -> str | None:
    audio, recording = utterance.audio, utterance.recording
    if audio is None:
        return None
    found = (audio.sampling_rate, audio.num_channels, audio.num_samples)
    expected = (recording.sampling_rate, recording.num_channels, recording.num_samples)
    if found == expected:
        return None
    return f"(Hz, channels, samples) are {found}, not {expected}; run `asr prepare` again"


def _truncated_audio(utterance: Utterance, _: Judge) -> str | None:
    audio, rate = utterance.audio, utterance.recording.sampling_rate
    if audio is None:
        return None
    stop = utterance.segment[1]
    needed = audio.declared_samples if stop == TO_THE_END else min(stop, audio.num_samples)
    if needed - audio.decoded_samples <= _TRUNCATION_TOLERANCE * rate:
        return None
    found = f"{audio.decoded_samples / rate:.2f} of {audio.declared_samples / rate:.2f} s are there"
    return f"{found} ({audio.stopped_by})" if audio.stopped_by else found


def _segment_outside(utterance: Utterance, _: Judge) -> str | None:
    rate, length = utterance.recording.sampling_rate, utterance.num_samples
    start, stop = utterance.bounds
    if 0 <= start < length and start < stop <= length + _MAX_OVERSHOOT * rate:
        return None
    return f"{start / rate:.2f} to {stop / rate:.2f} s of {length / rate:.2f} s"


def _channel_outside(utterance: Utterance, _: Judge) -> str | None:
    outside = set(utterance.channels) - set(utterance.recording.channel_ids)
    return f"no channel {sorted(outside)} in the recording" if outside else None


def _too_short(utterance: Utterance, judge: Judge) -> str | None:
    limit = judge.options.min_duration
    if utterance.duration >= limit:
        return None
    return f"{utterance.duration:.3f} s, the shortest allowed is {limit:g} s"


def _too_long(utterance: Utterance, judge: Judge) -> str | None:
    limit = judge.options.max_duration
    if utterance.duration <= limit:
        return None
    return f"{utterance.duration:.1f} s, the longest allowed is {limit:g} s"


def _non_finite_audio(utterance: Utterance, _: Judge) -> str | None:
    return "NaN or infinite samples" if None in _peaks(utterance) else None


def _silent_audio(utterance: Utterance, judge: Judge) -> str | None:
    peak = max((peak for peak in _peaks(utterance) if peak is not None), default=0.0)
    if peak == 0.0:
        return "every sample is zero"
    level = 20 * math.log10(peak)
    if level >= judge.options.min_peak_db:
        return None
    return f"its loudest sample is {-level:.0f} dB below full scale"


def _clipped_audio(utterance: Utterance, judge: Judge) -> str | None:
    found = _segment_check(utterance)
    counts = [
        found.clipped[index]
        for index in utterance.channel_indices
        if (found.peaks[index] or 0.0) >= _QUIET_PEAK
    ]
    clipped = max(counts, default=0)
    share = clipped / (utterance.duration * utterance.recording.sampling_rate)
    if clipped < _FEWEST_CLIPPED or share <= judge.options.max_clipped_share:
        return None
    return f"{share:.2%} of its samples are in flat tops"


def _low_sampling_rate(utterance: Utterance, judge: Judge) -> str | None:
    rate, wanted = utterance.recording.sampling_rate, judge.options.sampling_rate
    if rate >= wanted:
        return None
    return f"{rate} Hz, features are computed at {wanted} Hz: nothing is above {rate // 2} Hz"


def _too_short_for_text(utterance: Utterance, judge: Judge) -> str | None:
    """Tell when CTC could not emit the tokens in time, or nobody could speak the letters."""
    letters, limit = spoken_letters(utterance.text), judge.options.max_letter_rate
    if letters > limit * (utterance.duration + _RATE_SLACK):
        rate = letters / utterance.duration
        return f"{rate:.1f} letters a second, people speak at most {limit:g}"
    if judge.ctc is None:
        return None
    tokens = judge.ctc.tokenizer.encode(utterance.text)
    samples = compute_num_samples(utterance.duration, judge.options.sampling_rate)
    available, required = judge.ctc.encoder_frames(samples), required_ctc_length(tokens)
    if available >= required:
        return None
    return f"{available} encoder frames, {required} needed for {len(tokens)} tokens"


def _too_little_text(utterance: Utterance, judge: Judge) -> str | None:
    letters, limit = spoken_letters(utterance.text), judge.options.min_letter_rate
    if utterance.duration < _LONG_ENOUGH or letters >= limit * utterance.duration:
        return None
    return f"{letters} letters in {utterance.duration:.1f} s"


def _control_characters(utterance: Utterance, _: Judge) -> str | None:
    return control_characters(utterance.text)


def _markup(utterance: Utterance, _: Judge) -> str | None:
    return markup(utterance.text)


def _rare_script(utterance: Utterance, judge: Judge) -> str | None:
    return judge.scripts.rare_scripts(utterance.text)


def _unknown_token(utterance: Utterance, judge: Judge) -> str | None:
    if judge.ctc is None:
        return None
    tokenizer = judge.ctc.tokenizer
    if tokenizer.unk_id not in tokenizer.encode(utterance.text):
        return None
    missing = "".join(sorted(unknown_characters(tokenizer, [utterance.text])))
    return f"characters outside the vocabulary: {missing}"


def _segment_check(utterance: Utterance) -> SegmentCheck:
    assert utterance.audio is not None  # these rules are for decoded audio
    return utterance.audio.of_segment(utterance.segment)


def _peaks(utterance: Utterance) -> list[float | None]:
    peaks = _segment_check(utterance).peaks
    return [peaks[index] for index in utterance.channel_indices]


# In the order of `Reason`. A rule returns what is wrong, or nothing, and relies on the reasons in
# `asr.corpora.faults.reasons.UNUSABLE` that stand before it: none of those has been found.
_DECODED_RULES: dict[Reason, _Rule] = {
    Reason.MISSING_AUDIO: _missing_audio,
    Reason.EMPTY_TRANSCRIPT: _empty_transcript,
    Reason.UNREADABLE_AUDIO: _unreadable_audio,
    Reason.EMPTY_AUDIO: _empty_audio,
    Reason.CHANGED_AUDIO: _changed_audio,
    Reason.TRUNCATED_AUDIO: _truncated_audio,
    Reason.SEGMENT_OUTSIDE_RECORDING: _segment_outside,
    Reason.CHANNEL_OUTSIDE_RECORDING: _channel_outside,
    Reason.NON_FINITE_AUDIO: _non_finite_audio,
    Reason.TOO_SHORT: _too_short,
    Reason.TOO_LONG: _too_long,
    Reason.SILENT_AUDIO: _silent_audio,
    Reason.TOO_SHORT_FOR_TEXT: _too_short_for_text,
    Reason.CONTROL_CHARACTERS: _control_characters,
    Reason.UNKNOWN_TOKEN: _unknown_token,
    Reason.TOO_LITTLE_TEXT: _too_little_text,
    Reason.MARKUP: _markup,
    Reason.RARE_SCRIPT: _rare_script,
    Reason.CLIPPED_AUDIO: _clipped_audio,
    Reason.LOW_SAMPLING_RATE: _low_sampling_rate,
}
_NEED_SAMPLES = {Reason.NON_FINITE_AUDIO, Reason.SILENT_AUDIO, Reason.CLIPPED_AUDIO}
_RULES = {reason: rule for reason, rule in _DECODED_RULES.items() if reason not in _NEED_SAMPLES}

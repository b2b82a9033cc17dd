"""espeak-ng through ctypes: what a call returns depends on its arguments alone."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from asr.errors import UserError
from asr.signal.synthesis.espeak import EspeakSynthesiser

espeakng_loader = pytest.importorskip("espeakng_loader")

TEXT = "turn on the kitchen light"
VOICES = ["gmw/en-US", "gmw/en-US+f2", "gmw/en-GB-x-rp+m3", "en-gb-scotland+whisper", "en-029+adam"]


@pytest.fixture(scope="module")
def espeak() -> EspeakSynthesiser:
    return EspeakSynthesiser()


def fundamental_frequency(samples: np.ndarray, sampling_rate: int) -> float:
    """Return the median frequency over voiced 60 ms frames, by autocorrelation."""
    size = round(0.06 * sampling_rate)
    shortest, longest = round(sampling_rate / 400), round(sampling_rate / 60)
    found = []
    for start in range(0, len(samples) - size, size):
        frame = samples[start : start + size]
        correlation = np.correlate(frame, frame, "full")[size - 1 :]
        if correlation[0] > 1:
            lag = shortest + int(correlation[shortest:longest].argmax())
            found.append(sampling_rate / lag)
    return float(np.median(found))


def test_speech_is_sane(espeak: EspeakSynthesiser) -> None:
    samples, sampling_rate = espeak.synthesise(TEXT, "gmw/en-US")
    assert sampling_rate == 22050
    assert samples.dtype == np.float32 and samples.ndim == 1
    assert 1.0 < len(samples) / sampling_rate < 2.5
    assert 0.2 < np.abs(samples).max() < 1
    assert samples.std() > 0.03


@pytest.mark.parametrize("voice", VOICES)
def test_result_does_not_depend_on_history(espeak: EspeakSynthesiser, voice: str) -> None:
    first, _ = espeak.synthesise(TEXT, voice)
    for other in VOICES:
        espeak.synthesise("call nine one one", other, 250, 80, volume=150)
        again, _ = espeak.synthesise(TEXT, voice)
        assert np.array_equal(first, again), other


def test_result_does_not_depend_on_the_process(espeak: EspeakSynthesiser) -> None:
    program = (
        "import sys; from asr.signal.synthesis.espeak import EspeakSynthesiser as E; e = E()\n"
        f"for voice in {VOICES}:\n"
        f"    sys.stdout.buffer.write(e.synthesise({TEXT!r}, voice)[0].tobytes())\n"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    here = b"".join(espeak.synthesise(TEXT, voice)[0].tobytes() for voice in VOICES)
    assert there == here


def test_threads_do_not_disturb_one_another(espeak: EspeakSynthesiser) -> None:
    expected = [espeak.synthesise(TEXT, voice)[0] for voice in VOICES]
    with ThreadPoolExecutor(4) as pool:
        results = pool.map(lambda voice: EspeakSynthesiser().synthesise(TEXT, voice)[0], VOICES * 4)
    for number, samples in enumerate(results):
        assert np.array_equal(samples, expected[number % len(VOICES)])


def test_voice_is_the_one_asked_for(espeak: EspeakSynthesiser) -> None:
    spoken = [espeak.synthesise(TEXT, voice)[0].tobytes() for voice in VOICES]
    assert len(set(spoken)) == len(VOICES)
    by_short_name, _ = espeak.synthesise(TEXT, "en-us+f2")
    assert by_short_name.tobytes() == spoken[1]


def test_settings_act(espeak: EspeakSynthesiser) -> None:
    slow, rate = espeak.synthesise(TEXT, "gmw/en-US", 100)
    fast, _ = espeak.synthesise(TEXT, "gmw/en-US", 250)
    assert len(slow) > 1.7 * len(fast)
    low, _ = espeak.synthesise(TEXT, "gmw/en-US", pitch=10)
    high, _ = espeak.synthesise(TEXT, "gmw/en-US", pitch=90)
    assert fundamental_frequency(high, rate) > 1.4 * fundamental_frequency(low, rate)
    quiet, _ = espeak.synthesise(TEXT, "gmw/en-US", volume=30)
    loud, _ = espeak.synthesise(TEXT, "gmw/en-US", volume=60)
    assert loud.std() == pytest.approx(2 * quiet.std(), rel=0.1)
    flat, _ = espeak.synthesise(TEXT, "gmw/en-US", pitch_range=0)
    lively, _ = espeak.synthesise(TEXT, "gmw/en-US", pitch_range=99)
    assert not np.array_equal(flat, lively)


def test_mandarin_reads_every_character(espeak: EspeakSynthesiser) -> None:
    short, rate = espeak.synthesise("打开厨房的灯", "sit/cmn")
    twice, _ = espeak.synthesise("打开厨房的灯关掉卧室的空调", "sit/cmn")
    assert len(short) / rate > 0.8
    assert len(twice) > 1.8 * len(short)


def test_lists(espeak: EspeakSynthesiser) -> None:
    voices, variants = espeak.voices(), espeak.variants()
    assert {"gmw/en-US", "gmw/en", "sit/cmn"} <= set(voices)
    assert {"f1", "m3", "whisper"} <= set(variants)
    assert len(voices) > 100 and len(variants) > 80
    assert not [voice for voice in voices if voice.startswith("!v")]


@pytest.mark.parametrize(
    ("voice", "expected"),
    [
        ("gmw/en-UK", "no espeak-ng voice 'gmw/en-UK'. Did you mean 'gmw/en-US'?"),
        ("en-usa+f2", "no espeak-ng voice 'en-usa'. Did you mean"),
        ("gmw/en-US+linde", "no espeak-ng variant 'linde'. Did you mean 'linda'?"),
    ],
)
def test_unknown_voice(espeak: EspeakSynthesiser, voice: str, expected: str) -> None:
    before, _ = espeak.synthesise(TEXT, "gmw/en-US")
    with pytest.raises(UserError) as raised:
        espeak.synthesise(TEXT, voice)
    assert str(raised.value).startswith(expected)
    assert np.array_equal(before, espeak.synthesise(TEXT, "gmw/en-US")[0])


@pytest.mark.parametrize("text", ["", "  ", "..."])
def test_nothing_to_speak(espeak: EspeakSynthesiser, text: str) -> None:
    with pytest.raises(UserError, match="nothing to speak"):
        espeak.synthesise(text, "gmw/en-US")


@pytest.mark.parametrize("setting", [{"rate": 20}, {"pitch": 100}, {"volume": -1}])
def test_setting_out_of_range(espeak: EspeakSynthesiser, setting: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"{next(iter(setting))} is .* within"):
        espeak.synthesise(TEXT, "gmw/en-US", **setting)


def test_package_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UserError, match=r"pip install -e .*\[synthesis\]"):
        EspeakSynthesiser()


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/no/such/folder", "cannot load its voices"), ("/" + 200 * "x", "longer than the 159 bytes")],
)
def test_bad_data_path(monkeypatch: pytest.MonkeyPatch, path: str, expected: str) -> None:
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: path)
    with pytest.raises(UserError, match=expected):
        EspeakSynthesiser().synthesise(TEXT, "gmw/en-US")


def test_library_in_use_by_another_package(espeak: EspeakSynthesiser) -> None:
    other_user = ctypes.CDLL(espeakng_loader.get_library_path())
    with pytest.raises(UserError, match="in use by another package"):
        espeak.synthesise(TEXT, "gmw/en-US")
    ctypes.CDLL(None).dlclose(ctypes.c_void_p(other_user._handle))
    assert len(espeak.synthesise(TEXT, "gmw/en-US")[0])

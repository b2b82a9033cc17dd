"""What is decoded of a file counts, not what its header says."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio.base import AudioError, blocks, rest
from asr.audio.reader import count_samples, open_audio, read_header
from asr.errors import UserError, install_command
from asr.signal.audio.files import read_audio
from tests.audio.media import (
    encode,
    ffmpeg_samples,
    mp3,
    sound,
    with_pictures,
    without_information,
)

RATE = 16000
_EARLY = {"a.wma": -2048, "a.amr": -160}  # what their codecs lose in front: up to a frame
_LATE = {"a.aac", "a.flv", "a.mp2", "a.ts", "a.ac3"}  # containers that tell no encoder's delay


def decoded(path: Path) -> np.ndarray:
    with open_audio(path) as decoder:
        samples = rest(decoder)
        assert decoder.stopped_by == ""
    assert count_samples(path) == (len(samples), "")
    return samples[:, 0]


def test_a_whole_mp3_is_what_it_was_made_of(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"ID3\x04\0\0\0\0\0\x10" + bytes(16) + mp3(sound(RATE, 3), RATE))
    samples = decoded(path)
    assert read_header(path).num_samples == len(samples) == 3 * RATE
    assert np.abs(samples - sound(RATE, 3)).max() < 0.05
    assert np.abs(samples - soundfile.read(path, dtype="float32")[0]).max() < 1e-6


def test_half_an_mp3(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.mp3", mp3(sound(RATE, 4), RATE)
    path.write_bytes(whole[: len(whole) // 2])
    header, samples = read_header(path), decoded(path)
    assert header.num_samples == len(samples)
    assert 1.8 * RATE < len(samples) < 2.1 * RATE
    assert header.declared_samples > 3.9 * RATE
    assert np.abs(samples - sound(RATE, 4)[: len(samples)])[:-600].max() < 0.05


@pytest.mark.parametrize("is_constant", [True, False])
@pytest.mark.parametrize("loud_first", [True, False])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_an_mp3_without_a_count_of_frames(
    tmp_path: Path, is_constant: bool, loud_first: bool, rate: int
) -> None:
    """libsndfile guesses by the first frame: of variable bit rates too much or too little."""
    quiet, noise = np.zeros(rate, np.float32), np.random.default_rng(0).normal(0, 0.3, rate)
    samples = np.concatenate([noise.astype("f4") if loud_first else quiet, sound(rate, 2)])
    path = tmp_path / "a.mp3"
    path.write_bytes(without_information(mp3(samples, rate, is_constant=is_constant)))
    found, expected = decoded(path), ffmpeg_samples(path)
    assert len(found) == len(expected) == read_header(path).num_samples
    assert np.abs(found - expected).max() < 1e-5
    assert abs(len(found) - len(samples)) < 3 * 1152


@pytest.mark.parametrize("kind", ["mp3", "ogg", "opus"])
def test_files_put_together(tmp_path: Path, kind: str) -> None:
    parts = []
    for seed in range(3):
        part = tmp_path / f"{seed}.{kind}"
        if kind == "mp3":
            part.write_bytes(mp3(sound(RATE, 1.5, seed), RATE))
        else:
            subtype = {"ogg": "VORBIS", "opus": "OPUS"}[kind]
            soundfile.write(part, sound(RATE, 1.5, seed), RATE, subtype, format="OGG")
        parts.append(part)
    path = tmp_path / f"joined.{kind}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    expected = np.concatenate([decoded(part) for part in parts])
    assert read_header(path).num_samples == len(expected) == 4.5 * RATE
    assert np.abs(decoded(path) - expected).max() < 1e-6


def test_files_of_two_rates_put_together(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(mp3(sound(16000, 2), 16000) + mp3(sound(44100, 2), 44100))
    samples = decoded(path)
    assert abs(len(samples) - 4 * 16000) < 6 * 1152
    second = samples[-30000:-4000]
    powers = np.abs(np.fft.rfft(second)) ** 2
    assert abs(np.argmax(powers) * 16000 / len(second) % 170 - 170 / 2) > 80  # a harmonic of 170 Hz


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_32"])
def test_files_that_cannot_seek(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, sound(8000, 2.03), 8000, subtype)
    assert not soundfile.SoundFile(path).seekable()
    samples = decoded(path)
    assert 0 <= len(samples) - 2.03 * 8000 <= 640
    similarity = np.corrcoef(samples[:16000], sound(8000, 2.03)[:16000])[0, 1]
    assert similarity > 0.95


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF])
@pytest.mark.parametrize("has_riff_size", [True, False])
@pytest.mark.parametrize("form", [("WAV", "PCM_16"), ("WAVEX", "PCM_24"), ("WAV", "FLOAT")])
def test_a_wav_whose_recorder_was_killed(
    tmp_path: Path, size: int, has_riff_size: bool, form: tuple[str, str]
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, sound(RATE, 1), RATE, form[1], format=form[0])
    expected = soundfile.read(path, dtype="float32")[0]
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", size)
    if not has_riff_size:
        content[4:8] = bytes(4)
    path.write_bytes(content)
    header = read_header(path)
    assert header.num_samples == header.declared_samples == RATE
    assert np.array_equal(decoded(path), expected)


def test_a_wav_without_samples_but_with_other_chunks_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(0), RATE)
    with path.open("ab") as stream:
        stream.write(b"LIST" + struct.pack("<I", 12) + b"INFOISFT" + bytes(4))
    assert count_samples(path) == (0, "")


def test_a_damaged_flac_ends_where_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, sound(RATE, 20), RATE)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)
    for size in (1000, 1 << 16):
        with open_audio(path) as decoder:
            assert decoder.header.declared_samples == 20 * RATE
            found = np.concatenate([*blocks(decoder, size)])
        assert 9 * RATE < len(found) < 20 * RATE
        clean = found[: 9 * RATE, 0]
        assert np.abs(clean - sound(RATE, 20)[: len(clean)]).max() < 1e-4


def test_what_is_there_of_a_flac_that_broke_off(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, sound(RATE, 3), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    length, stopped_by = count_samples(path)
    assert stopped_by
    assert 1.7 * RATE < length < 2.1 * RATE


@pytest.mark.parametrize("gap", [bytes(5000), b"ID3\x04\0\0\0\0\x01\0" + bytes(128)])
@pytest.mark.parametrize("has_information", [True, False])
def test_an_mp3_with_something_else_in_its_middle(
    tmp_path: Path, gap: bytes, has_information: bool
) -> None:
    whole = mp3(sound(RATE, 3), RATE)
    whole = whole if has_information else without_information(whole)
    path = tmp_path / "a.mp3"
    path.write_bytes(whole[: len(whole) // 2] + gap + whole[len(whole) // 2 :])
    assert abs(len(decoded(path)) - 3 * RATE) < 4 * 576


@pytest.mark.parametrize("kind", ["mp3", "ogg"])
def test_a_file_that_broke_off_and_a_whole_one_put_together(tmp_path: Path, kind: str) -> None:
    whole = tmp_path / f"whole.{kind}"
    if kind == "mp3":
        whole.write_bytes(mp3(sound(RATE, 3), RATE))
    else:
        soundfile.write(whole, sound(RATE, 3), RATE)
    content = whole.read_bytes()
    broken, joined = tmp_path / f"broken.{kind}", tmp_path / f"joined.{kind}"
    broken.write_bytes(content[: len(content) * 2 // 3])
    joined.write_bytes(broken.read_bytes() + content)
    expected = np.concatenate([decoded(broken), decoded(whole)])
    found = decoded(joined)
    assert len(expected) - len(found) <= 600
    assert np.abs(found[-2 * RATE :] - expected[-2 * RATE :]).max() < 1e-6


def test_beginnings_of_files_are_no_audio(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"OggS", b"RIFF", b"ID3", b"\xff\xfb\x90", b"fLaC", b"OggS" + bytes(30)):
        path.write_bytes(content)
        with pytest.raises(AudioError):
            read_header(path)


def test_short_blocks_hold_no_old_samples(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.mp3", mp3(sound(RATE, 4), RATE)
    path.write_bytes(whole[: len(whole) // 3])
    with open_audio(path) as decoder:
        taken = list(blocks(decoder, 1600))
    assert {len(block) for block in taken[:-1]} == {1600}
    assert sum(map(len, taken)) == count_samples(path)[0]


def test_media_are_what_they_were_made_of(tmp_path: Path) -> None:
    for name, codec, rate in [
        ("a.m4a", "aac", 16000),
        ("a.webm", "libopus", 48000),
        ("a.mkv", "aac", 44100),
        ("a.flv", "aac", 44100),
        ("a.ts", "aac", 48000),
        ("a.aac", "aac", 44100),
        ("alac.m4a", "alac", 16000),
        ("a.tta", "tta", 16000),
        ("a.mp2", "mp2", 44100),
        ("a.ac3", "ac3", 48000),
        ("a.mov", "pcm_s16le", 16000),
        ("a.wma", "wmav2", 44100),
        ("a.amr", "libopencore_amrnb", 8000),
    ]:
        path = encode(tmp_path / name, codec, rate, sound(rate, 3))
        samples = decoded(path)
        assert read_header(path).sampling_rate == rate, name
        assert abs(len(samples) - 3 * rate) < 0.1 * rate, name
        inner = sound(rate, 3)[rate : 2 * rate]
        found = np.correlate(samples[rate - 3200 : 2 * rate + 3200], inner, "valid")
        late = int(np.argmax(found)) - 3200
        assert _EARLY.get(name, 0) <= late <= (0.06 * rate if name in _LATE else 0), (name, late)


def test_stereo_media_and_a_change_of_channels(tmp_path: Path) -> None:
    left, right = sound(44100, 2), np.zeros(2 * 44100, np.float32)
    path = encode(tmp_path / "a.m4a", "alac", 44100, np.stack([left, right], axis=1))
    with open_audio(path) as decoder:
        assert decoder.header.num_channels == 2
        samples = rest(decoder)
    assert np.abs(samples[: len(left)] - np.stack([left, right], axis=1)).max() < 1e-4


@pytest.mark.parametrize(("container", "delay"), [("mp4", 0), ("mkv", 1024)])
def test_the_sound_of_a_video_is_that_of_its_first_sound_track(
    tmp_path: Path, container: str, delay: int
) -> None:
    """Pictures and a second language are passed over.

    A list in MP4 takes the encoder's first frame off, which is lost where packets are copied.
    """
    alone = encode(tmp_path / "a.m4a", "aac", 16000, sound(16000, 2.0))
    other = encode(tmp_path / "b.m4a", "aac", 16000, sound(16000, 2.0, seed=1))
    video = with_pictures(tmp_path / f"v.{container}", [alone, other])
    assert np.array_equal(decoded(video)[delay:], decoded(alone))


def test_half_a_video_of_the_kind_that_streams(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", "aac", RATE, sound(RATE, 8), movflags="faststart")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    header, (length, _) = read_header(path), count_samples(path)
    assert 2 * RATE < length < 6 * RATE
    assert header.declared_samples > 7.5 * RATE


def test_what_needs_the_extra_is_refused_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode(tmp_path / "a.m4a", "aac", RATE, sound(RATE, 1))
    (tmp_path / "a.mp3").write_bytes(mp3(sound(RATE, 1), RATE)[:-1000])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AudioError, match="need the extra media"):
        read_header(tmp_path / "a.m4a")
    with pytest.raises(UserError) as raised:
        read_audio(tmp_path / "a.m4a", RATE)
    assert install_command("media") in str(raised.value)
    assert read_header(tmp_path / "a.mp3").num_samples > 0


def test_a_list_of_other_files_is_no_audio(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "other.wav", sound(RATE, 1), RATE)
    lists = {
        "a.ffconcat": "ffconcat version 1.0\nfile other.wav\n",
        "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.wav\n#EXT-X-ENDLIST\n",
        "a.sdp": "v=0\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    }
    for name, content in lists.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(AudioError, match="Format not recognised; FFmpeg says"):
            read_header(tmp_path / name)

"""Reading from any sample on gives what decoding the whole file gives there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import ffmpeg
from asr.audio.base import rest
from asr.audio.paths import audio_files, existing_audio
from asr.audio.reader import open_audio
from asr.errors import UserError
from tests.audio.media import encode, mp3, sound, without_information

SECONDS = 13


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("media")
    made: dict[str, Path] = {}
    for name, rate, subtype in [
        ("a.wav", 16000, "PCM_16"), ("gsm.wav", 8000, "GSM610"), ("ima.wav", 8000, "IMA_ADPCM"),
        ("g721.au", 8000, "G721_32"), ("a.flac", 16000, None), ("a.ogg", 16000, "VORBIS"),
    ]:  # fmt: skip
        soundfile.write(folder / name, sound(rate, SECONDS), rate, subtype)
        made[name] = folder / name
    made["a.opus"] = folder / "a.opus"
    soundfile.write(made["a.opus"], sound(48000, SECONDS), 48000, "OPUS", format="OGG")
    for name, rate, level, is_constant in [
        ("low.mp3", 16000, 0.99, True), ("variable.mp3", 16000, 0.5, False),
        ("high.mp3", 44100, 0.1, True),
    ]:  # fmt: skip
        whole = mp3(sound(rate, SECONDS), rate, level, is_constant)
        made[name], made[f"bare-{name}"] = folder / name, folder / f"bare-{name}"
        made[name].write_bytes(whole)
        made[f"bare-{name}"].write_bytes(without_information(whole))
    made["joined.mp3"] = folder / "joined.mp3"
    made["joined.mp3"].write_bytes(made["high.mp3"].read_bytes() * 2)
    made["joined.ogg"] = folder / "joined.ogg"
    made["joined.ogg"].write_bytes(made["a.ogg"].read_bytes() * 2)
    for name, codec, rate in [
        ("a.m4a", "aac", 16000), ("a.mp4", "aac", 44100), ("alac.m4a", "alac", 44100),
        ("a.mkv", "aac", 44100), ("flac.mka", "flac", 44100), ("mp3.mkv", "libmp3lame", 44100),
        ("a.webm", "libopus", 48000), ("opus.mp4", "libopus", 48000), ("a.3gp", "aac", 16000),
        ("a.ts", "aac", 48000), ("a.flv", "aac", 44100), ("a.aac", "aac", 44100),
        ("a.mov", "pcm_s16le", 16000), ("a.ac3", "ac3", 48000), ("a.avi", "libmp3lame", 44100),
    ]:  # fmt: skip
        made[name] = encode(folder / name, codec, rate, sound(rate, SECONDS))
    return made


def test_every_place_is_that_of_the_whole(files: dict[str, Path]) -> None:
    rng = np.random.default_rng(0)
    for name, path in files.items():
        with open_audio(path) as decoder:
            whole = rest(decoder)
        places = [0, 1, len(whole) - 500, *rng.integers(0, len(whole), 5).tolist()]
        with open_audio(path) as moving:  # to and fro in one open file, and in files opened anew
            for place in places:
                with open_audio(path) as fresh:
                    for decoder in (moving, fresh):
                        decoder.seek(place)
                        found, expected = decoder.read(3000), whole[place : place + 3000]
                        assert found.shape == expected.shape, (name, place)
                        assert np.abs(found - expected).max() < 2e-6, (name, place)
            moving.seek(len(whole) + 100)
            assert len(moving.read(10)) == 0, name


@pytest.mark.parametrize(("subtype", "off"), [("VORBIS", 1e-6), ("OPUS", 1e-3)])
def test_places_among_clicks(tmp_path: Path, subtype: str, off: float) -> None:
    """Short blocks among long ones, by which libsndfile loses its place in Vorbis."""
    rng, samples = np.random.default_rng(1), sound(16000, 30)
    samples[rng.integers(0, len(samples), 100)] += 0.6
    soundfile.write(tmp_path / "a.ogg", samples, 16000, subtype)
    with open_audio(tmp_path / "a.ogg") as decoder:
        whole = rest(decoder)
        for place in sorted(rng.integers(0, len(whole), 60).tolist()):
            decoder.seek(place)
            expected = whole[place : place + 1000]
            found = decoder.read(1000)[: len(expected)]
            assert np.abs(found - expected).max() < off, place


@pytest.mark.parametrize("name", ["a.m4a", "a.mp4", "a.mkv", "a.webm", "mp3.mkv", "alac.m4a"])
def test_a_place_far_into_media_is_reached_without_decoding_up_to_it(
    files: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, original = [], ffmpeg._as_floats
    monkeypatch.setattr(
        ffmpeg, "_as_floats", lambda frame: decoded.append(frame.samples) or original(frame)
    )
    with open_audio(files[name]) as decoder:
        rate = decoder.header.sampling_rate
        decoder.seek(12 * rate)
        decoder.read(rate // 2)
    assert 0.5 * rate < sum(decoded) < 2 * rate


def test_media_whose_times_have_gaps_are_decoded_up_to_the_place(
    files: dict[str, Path], tmp_path: Path
) -> None:
    """Lost packets leave a gap in the times, not in what is decoded."""
    import av

    path = tmp_path / "gap.mkv"
    with av.open(str(files["a.mkv"])) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for number, packet in enumerate(source.demux(audio=0)):
            if packet.size and not 100 <= number < 150:
                packet.stream = stream
                target.mux(packet)
    with open_audio(path) as decoder:
        whole = rest(decoder)
    assert SECONDS * 44100 - len(whole) > 40 * 1024
    with open_audio(path) as decoder:
        decoder.seek(10 * 44100)
        assert np.array_equal(decoder.read(2000), whole[441000:443000])


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    for given, told in {
        str(tmp_path): "is a folder",
        "https://example.org/a.wav": "is an address",
        "s3://bucket/a.wav": "is an address",
        "-": "not read from standard input",
        str(tmp_path / "none.wav"): "does not exist",
    }.items():
        for path in (given, Path(given)):
            with pytest.raises(UserError, match=told):
                existing_audio(path)


def test_a_folder_stands_for_its_audio(tmp_path: Path) -> None:
    for name in ("b/two.WAV", "b/one.m4a", "b/._one.m4a", "b/notes.txt", "c/deep/three.mp3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = list(audio_files([tmp_path / "b", tmp_path / "alone.xyz", tmp_path / "c"]))
    names = ["b/one.m4a", "b/two.WAV", "alone.xyz", "c/deep/three.mp3"]
    assert found == [tmp_path / name for name in names]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no audio"):
        list(audio_files([tmp_path / "empty"]))

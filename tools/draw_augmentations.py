"""Draw the pictures of docs/augmentation.md: `python tools/draw_augmentations.py`.

Every YAML snippet of the document is applied to one sentence, and the picture goes where the next
image link says. All that is heard is made here: speech by espeak-ng, noise and music from numbers.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path

import numpy as np
import yaml
from lhotse import Recording
from lhotse.cut import Cut
from PIL import Image

from asr.config.loading import parse_config
from asr.signal.audio.resampling import resample
from asr.signal.audio.wav import write_wav
from asr.signal.augmentation.preview import PreviewRequest, preview
from asr.signal.synthesis.espeak import EspeakSynthesiser

RATE = 16000
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "augmentation.md"
SNIPPET = re.compile(r"```yaml\n(.*?)```\s*!\[.*?\]\((.*?)\)", re.DOTALL)
SENTENCE = "Speech comes through rooms, noise and bad lines."
OTHERS = {
    "gmw/en-GB-x-rp": "There was nobody at the station when the train came in.",
    "gmw/en-US+f3": "She said that the bread would be ready before noon.",
    "gmw/en-GB-scotland+m3": "All of the windows face the river and the old bridge.",
    "gmw/en-US+m5": "I have no idea where the other half of it has gone.",
}
GREY_LEVELS = 32


def main() -> None:
    snippets = SNIPPET.findall(DOCUMENT.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        speech = Path("speech.wav")
        speak(speech, "gmw/en-US", SENTENCE)
        write_sounds()
        cuts = [cut_of(voice, text) for voice, text in OTHERS.items()]
        for text, link in snippets:
            config = parse_config(yaml.safe_load(text), source=f"{DOCUMENT.name}, {link}")
            request = PreviewRequest(
                config.augmentation, config.features_params, [speech], Path("out"), True, cuts=cuts
            )
            (*_, result) = preview(request)
            target = DOCUMENT.parent / link
            target.parent.mkdir(exist_ok=True)
            with Image.open(result.paths[-1]) as image:
                image.convert("L").quantize(GREY_LEVELS).save(target, optimize=True)
            print(f"{target}: {target.stat().st_size} bytes")


def speak(path: Path, voice: str, text: str) -> None:
    samples, rate = EspeakSynthesiser().synthesise(text, voice)
    samples = resample(samples, rate, RATE)
    write_wav(path, 0.5 * samples / np.abs(samples).max(), RATE)


def cut_of(voice: str, text: str) -> Cut:
    path = Path(f"{voice.replace('/', '-')}.wav")
    speak(path, voice, text)
    return Recording.from_file(path).to_cut()


def write_sounds() -> None:
    """Write ten seconds of noise, falling by 6 dB an octave, and of broken chords."""
    time = np.arange(10 * RATE) / RATE
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=len(time)))
    hertz = np.fft.rfftfreq(len(time), 1 / RATE)
    noise = np.fft.irfft(spectrum / np.maximum(hertz, 100.0))
    write_wav(Path("data/noise/wind.wav"), 0.3 * noise / np.abs(noise).max(), RATE)
    music = np.zeros_like(time)
    chords = [(220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6)]
    for beat in range(int(10 / 0.25)):
        note = chords[beat // 3 % len(chords)][beat % 3]
        since = time - 0.25 * beat
        envelope = np.where(since >= 0, np.exp(-4.0 * since.clip(0)), 0.0)
        harmonics = sum(np.sin(2 * np.pi * note * k * time) / k for k in range(1, 9))
        music += envelope * harmonics
    write_wav(Path("data/music/chords.wav"), 0.3 * music / np.abs(music).max(), RATE)


if __name__ == "__main__":
    main()

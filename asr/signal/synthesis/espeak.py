"""Synthetic speech by espeak-ng, with the library and voices inside the `espeakng-loader` wheel."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from asr.errors import UserError, did_you_mean, install_command

# Values of espeak-ng's C header speak_lib.h.
_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT_ON_ERROR = 0x8000
_POSITION_CHARACTER = 1
_TEXT_IS_UTF8 = 1
_STATUS_OK = 0
_LONGEST_DATA_PATH = 159  # bytes; espeak-ng keeps it in a buffer of 160
# Name -> (espeak_PARAMETER, lowest, highest value).
_PARAMETERS = {
    "rate": (1, 80, 450),
    "volume": (2, 0, 200),
    "pitch": (3, 0, 99),
    "pitch_range": (4, 0, 99),
}


class _Voice(ctypes.Structure):
    """The C struct espeak_VOICE."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_VoicePointer = ctypes.POINTER(_Voice)
_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_only_one = threading.Lock()


class EspeakSynthesiser:
    """Formant synthesis of about 100 languages: robotic, but intelligible and very fast.

    espeak-ng keeps its pitch flutter, glottal cycles, gain control and noise generator in global
    variables that none of its functions resets: the same text spoken twice gives two different
    signals. Therefore each call loads the shared library afresh and unloads it again, which costs
    about 3 ms, and what a call returns depends on its arguments alone. Calls from several threads
    wait for each other.

    Raises:
        UserError: the package `espeakng-loader` is not installed, or at too long a path.
    """

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise UserError(
                "speech synthesis needs the package espeakng-loader",
                todo=f"Install it by: {install_command('synthesis')}",
            ) from error
        self._library_path: str = espeakng_loader.get_library_path()
        self._data_path = os.fsencode(espeakng_loader.get_data_path())
        if len(self._data_path) > _LONGEST_DATA_PATH:
            raise UserError(
                f"the path is longer than the {_LONGEST_DATA_PATH} bytes espeak-ng can hold",
                where=os.fsdecode(self._data_path),
                todo="Install the Python environment in a folder with a shorter path.",
            )

    def voices(self) -> list[str]:
        """Return the identifiers of the voices, one for each language and accent: gmw/en-US, …"""
        with self._library() as (library, _):
            return _list_voices(library)

    def variants(self) -> list[str]:
        """Return the names that may follow a voice and a plus sign: f1, m3, Annie, …"""
        with self._library() as (library, _):
            return _list_variants(library)

    def synthesise(
        self,
        text: str,
        voice: str,
        rate: int = 175,
        pitch: int = 50,
        *,
        pitch_range: int = 50,
        volume: int = 100,
    ) -> tuple[np.ndarray, int]:
        """Speak `text`.

        Args:
            text: what to say, in the script of the voice's language.
            voice: an entry of `voices()` or its last part (gmw/en-US, en-us), alone or followed
                by `+` and an entry of `variants()`.
            rate: words per minute, 80 to 450.
            pitch: height of the voice, 0 to 99; 50 is the voice's own.
            pitch_range: liveliness of the intonation, 0 (monotone) to 99.
            volume: 0 to 200; above 100 loud voices reach full scale.

        Returns:
            The samples, float32 (N,) in [-1, 1), and the sampling rate in Hz. There is hardly any
            silence around the speech.

        Raises:
            UserError: no such voice or variant, a number out of its range, or nothing to speak.
        """
        settings = {"rate": rate, "volume": volume, "pitch": pitch, "pitch_range": pitch_range}
        _check_ranges(settings)
        chunks: list[bytes] = []

        @_SynthCallback
        def collect(samples: int | None, count: int, _events: int | None) -> int:
            if samples and count > 0:
                chunks.append(ctypes.string_at(samples, 2 * count))
            return 0

        with self._library() as (library, sampling_rate):
            _select_voice(library, voice)
            for name, value in settings.items():
                _expect_ok(library.espeak_SetParameter(_PARAMETERS[name][0], value, 0), name)
            library.espeak_SetSynthCallback(collect)
            encoded = text.encode()
            status = library.espeak_Synth(
                encoded, len(encoded) + 1, 0, _POSITION_CHARACTER, 0, _TEXT_IS_UTF8, None, None
            )
            _expect_ok(status, "synthesis")
        samples = np.frombuffer(b"".join(chunks), dtype=np.int16).astype(np.float32) / 32768
        if not samples.any():
            raise UserError(f"nothing to speak in {text!r} for the voice '{voice}'")
        return samples, sampling_rate

    @contextmanager
    def _library(self) -> Iterator[tuple[ctypes.CDLL, int]]:
        """Yield the library in its initial state, and its sampling rate in Hz."""
        with _only_one:
            if _is_loaded(self._library_path):
                raise UserError(
                    "espeak-ng is in use by another package in this process, so that its output "
                    "would depend on what that package did",
                    todo="Synthesise in a process of its own.",
                )
            library = ctypes.CDLL(self._library_path)
            library.espeak_GetCurrentVoice.restype = _VoicePointer
            library.espeak_ListVoices.restype = ctypes.POINTER(_VoicePointer)
            try:
                yield library, self._initialise(library)
            finally:
                library.espeak_Terminate()
                _unload(library)

    def _initialise(self, library: ctypes.CDLL) -> int:
        sampling_rate: int = library.espeak_Initialize(
            _OUTPUT_SYNCHRONOUS, 0, self._data_path, _DONT_EXIT_ON_ERROR
        )
        if sampling_rate <= 0:
            raise UserError(
                "espeak-ng cannot load its voices",
                where=os.fsdecode(self._data_path),
                todo="Reinstall the package espeakng-loader.",
            )
        library.espeak_ng_SetRandSeed(ctypes.c_long(0))  # instead of the time of day
        return sampling_rate


def _select_voice(library: ctypes.CDLL, voice: str) -> None:
    base, _, variant = voice.partition("+")
    if library.espeak_SetVoiceByName(voice.encode()) != _STATUS_OK:  # the previous voice stays
        identifiers = _list_voices(library)
        short_names = [identifier.rsplit("/", 1)[-1] for identifier in identifiers]
        raise UserError(
            f"no espeak-ng voice '{base}'", todo=did_you_mean(base, [*identifiers, *short_names])
        )
    # An unknown variant is ignored with the status "ok"; only the voice in place tells.
    in_place = library.espeak_GetCurrentVoice().contents.identifier.decode()
    if in_place.partition("+")[2] != variant:
        raise UserError(
            f"no espeak-ng variant '{variant}'",
            todo=did_you_mean(variant, _list_variants(library)),
        )


def _list_voices(library: ctypes.CDLL, of_language: bytes | None = None) -> list[str]:
    wanted = None if of_language is None else ctypes.byref(_Voice(languages=of_language))
    identifiers = []
    for entry in library.espeak_ListVoices(wanted):  # a C array that ends with a null pointer
        if not entry:
            break
        identifiers.append(entry.contents.identifier.decode())
    return sorted(identifiers)


def _list_variants(library: ctypes.CDLL) -> list[str]:
    return [name.partition("/")[2] for name in _list_voices(library, of_language=b"variant")]


def _check_ranges(settings: dict[str, int]) -> None:
    for name, value in settings.items():
        _, lowest, highest = _PARAMETERS[name]
        if not lowest <= value <= highest:
            raise UserError(f"{name} is {value}, it must lie within {lowest} and {highest}")


def _expect_ok(status: int, what: str) -> None:
    if status != _STATUS_OK:
        raise RuntimeError(f"espeak-ng failed: {what}, status {status}")


def _is_loaded(path: str) -> bool:
    try:
        library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD)
    except OSError:
        return False
    _unload(library)  # the call above counted as one more user
    return True


def _unload(library: ctypes.CDLL) -> None:
    process: Any = ctypes.CDLL(None)
    process.dlclose.argtypes = [ctypes.c_void_p]
    process.dlclose(library._handle)

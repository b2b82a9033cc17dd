"""The utterances with most errors, to read and to listen to."""

from __future__ import annotations

from collections import Counter

from asr.pages.charts import waveform_svg
from asr.pages.markup import escape
from asr.scoring.alignment import Pair
from asr.scoring.corpus import UtteranceScore
from asr.scoring.details import worst_first
from asr.scoring.report.audio import (
    Clip,
    FindSegments,
    NoAudioError,
    Segment,
    data_address,
    read_clip,
)
from asr.scoring.report.systems import Decoded
from asr.scoring.text_tables import TOKEN_NAMES

_GAP = "∗"
_EDIT_NAMES = {"C": "", "S": "substituted", "D": "deleted", "I": "inserted"}


class Players:
    """Makes players for utterances until the page has as much audio as it may have."""

    def __init__(self, max_clip_seconds: float, max_bytes: int) -> None:
        self.max_clip_seconds = max_clip_seconds
        self.max_bytes = max_bytes
        self.used_bytes = 0

    def player(self, segment: Segment | NoAudioError, allowance: int) -> str:
        """Return a player with its waveform as HTML.

        Args:
            allowance: bytes of audio that the page may hold after this player.

        Raises:
            NoAudioError: it cannot be played, or there is no room for it.
        """
        if isinstance(segment, NoAudioError):
            raise segment
        clip = read_clip(segment, self.max_clip_seconds)
        flac = clip.encode()
        if self.used_bytes + len(flac) > allowance:
            raise NoAudioError("there is no room for it in the page")
        self.used_bytes += len(flac)
        return _player(clip, flac, segment.duration)


def _player(clip: Clip, flac: bytes, seconds: float) -> str:
    played = len(clip.samples) / clip.sampling_rate
    told = f"{seconds:.1f} s"
    if clip.is_cut_short:
        told = f"the first {played:.1f} s of {told}"
    wave = waveform_svg(clip.samples, f"waveform, {told}")
    audio = f'<audio controls preload="metadata" src="{data_address(flac)}"></audio>'
    return f'<div class="sound">{audio}{wave}<span>{told}</span></div>'


def render_worst(
    decoded: Decoded, find: FindSegments, most: int, players: Players, allowance: int
) -> str:
    """Return the utterances with most errors, worst first, with what could not be played.

    Args:
        find: returns where the audio of some utterances is.
        most: how many utterances.
        allowance: bytes of audio that the page may hold after this split.

    Raises:
        UserError: the cuts are missing or malformed.
    """
    wrong = [score for score in decoded.score.utterances if score.counts.errors]
    worst = worst_first(wrong)[:most]
    if not wrong:
        return "<p>No utterance has an error.</p>"
    segments = find({score.id for score in worst})
    silent: Counter[str] = Counter()
    articles = []
    for score in worst:
        try:
            player = players.player(segments[score.id], allowance)
        except NoAudioError as error:
            player = f'<p class="note">No audio: {escape(str(error), None)}.</p>'
            silent[score.id] += 1
        articles.append(_article(score, player, TOKEN_NAMES[decoded.score.unit]))
    count = f"{len(worst)} of {len(wrong)} utterances with errors, most errors first."
    if silent:
        count += f" {len(silent)} of them come without audio, each says why."
    legend = " ".join(
        f'<span class="{edit}">{edit} {name}</span>' for edit, name in _EDIT_NAMES.items() if name
    )
    note = f'<p class="note">{count} Above the reference, below the hypothesis: {legend}.</p>'
    return note + "".join(articles)


def _article(score: UtteranceScore, player: str, tokens: str) -> str:
    counts = score.counts
    told = (
        f"{counts.errors} errors in {counts.reference_tokens} {tokens}: {counts.insertions} ins, "
        f"{counts.deletions} del, {counts.substitutions} sub"
    )
    return (
        f"<article><h4>{escape(score.id)}</h4>"
        f'<p class="note">speaker {escape(score.speaker)}; {told}</p>{player}'
        f'<div class="pairs">{"".join(map(_pair, score.pairs))}</div></article>'
    )


def _pair(pair: Pair) -> str:
    if pair.edit == "C":
        text = escape(pair.reference or "", None)
        again = f'<span aria-hidden="true">{text}</span>'  # read aloud once
        return f'<span class="pair C"><span>{text}</span>{again}</span>'
    reference, hypothesis = (escape(token or _GAP, None) for token in pair)
    return (
        f'<span class="pair {pair.edit}"><span>{reference}</span><span>{hypothesis}</span>'
        f'<b title="{_EDIT_NAMES[pair.edit]}">{pair.edit}</b></span>'
    )

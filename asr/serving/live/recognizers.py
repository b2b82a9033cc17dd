"""One model, a recogniser for each list of hotwords that clients bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from asr.decoding.hotwords.scorer import spell_phrases, token_letters
from asr.decoding.resources import Resources
from asr.serving.live.builds import HotwordBuilds
from asr.streaming import StreamingRecognizer
from asr.text.hotwords import Hotword


class Recognizers:
    """The recogniser of sessions without hotwords, and others for as long as sessions use them.

    Args:
        default: its model and options are those of all.
        resources: what `default` uses; a client's hotwords take the place of its hotwords.
    """

    def __init__(self, default: StreamingRecognizer, resources: Resources) -> None:
        self.default = default
        self._resources = resources
        self._builds = HotwordBuilds()
        self._vocabulary = token_letters(default.bundle.tokenizer)
        self._others: WeakValueDictionary[tuple[str, ...], StreamingRecognizer] = (
            WeakValueDictionary()
        )

    async def favouring(
        self, phrases: Sequence[str], client: str | None = None
    ) -> StreamingRecognizer:
        """Return the recogniser of a list of phrases, the default one for an empty list.

        Args:
            client: whose phrases they are, as `client_of` says.

        Raises:
            UserError: a phrase cannot be spelled, or nothing in the server would use it.
        """
        if not phrases:
            return self.default
        wanted = tuple(dict.fromkeys(phrases))
        found = self._others.get(wanted)
        if found is None:
            hotwords = [Hotword(phrase) for phrase in wanted]
            spelled = spell_phrases(hotwords, self.default.bundle.tokenizer, self._vocabulary)
            scorer = await self._builds.scorer(spelled, client)
            resources = replace(self._resources, hotwords=scorer)
            default = self.default
            found = StreamingRecognizer(default.bundle, default.options, resources)
            self._others[wanted] = found
        return found

    def stop(self) -> None:
        """End what builds lists."""
        self._builds.stop()

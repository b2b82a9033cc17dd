"""One model, a recogniser for each list of hotwords that clients bring."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from asr.decoding.hotwords.scorer import hotword_scorer
from asr.decoding.resources import Resources
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
        self._others: WeakValueDictionary[tuple[str, ...], StreamingRecognizer] = (
            WeakValueDictionary()
        )

    async def favouring(self, phrases: Sequence[str]) -> StreamingRecognizer:
        """Return the recogniser of a list of phrases, the default one for an empty list.

        Raises:
            UserError: a phrase cannot be spelled, or nothing in the server would use it.
        """
        if not phrases:
            return self.default
        wanted = tuple(dict.fromkeys(phrases))
        found = self._others.get(wanted)
        if found is None:
            found = await asyncio.to_thread(self._made, wanted)
            self._others[wanted] = found
        return found

    def _made(self, phrases: Sequence[str]) -> StreamingRecognizer:
        bundle = self.default.bundle
        scorer = hotword_scorer([Hotword(phrase) for phrase in phrases], bundle.tokenizer)
        resources = replace(self._resources, hotwords=scorer)
        return StreamingRecognizer(bundle, self.default.options, resources)

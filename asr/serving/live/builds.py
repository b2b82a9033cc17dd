"""Automata of clients' phrases, built in a process of its own.

Building one is Python from end to end: in a thread it would take the interpreter from the live
model and from the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from weakref import WeakValueDictionary

from asr.decoding.hotwords.scorer import HotwordScorer, SpelledPhrases
from asr.decoding.hotwords.tables import build_tables
from asr.serving.helpers import begin_helper

_log = logging.getLogger(__name__)


class HotwordBuilds:
    """Builds scorers of phrases, of each client one at a time.

    The process starts with the first list, and again where it was killed.
    """

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def scorer(self, phrases: SpelledPhrases, client: str | None) -> HotwordScorer:
        """Return the scorer of some phrases.

        Args:
            client: whose they are, as `client_of` says.
        """
        turn = self._turns.setdefault(client or "", asyncio.Lock())
        async with turn:
            try:
                return await self._built(phrases)
            except BrokenProcessPool:
                _log.error("the process that builds hotwords died; a new one tries again")
                self._executor = None
                return await self._built(phrases)

    async def _built(self, phrases: SpelledPhrases) -> HotwordScorer:
        if self._executor is None:
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(1, mp_context=context, initializer=begin_helper)
        boosts, vocabulary = dict(phrases.boosts), list(phrases.vocabulary)
        future = self._executor.submit(build_tables, boosts, vocabulary)
        tables = await asyncio.wrap_future(future)
        return HotwordScorer(boosts, vocabulary, tables)

    def stop(self) -> None:
        """End the process."""
        if self._executor is not None:
            processes = list((self._executor._processes or {}).values())
            self._executor.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.kill()

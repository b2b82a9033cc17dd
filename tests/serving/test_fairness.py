"""One client cannot slow the others: hotwords, floods of small messages, turns at the model."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any, NoReturn

import pytest

from asr.bundle import Bundle
from asr.decoding.hotwords.context_graph import ContextGraph, LetterTree
from asr.serving.live.engine import Engine
from asr.serving.live.shares import Shares
from tests.patience import wait_until
from tests.serving.raw_socket import frame, upgraded
from tests.serving.serving_kit import (
    START,
    Running,
    as_int16,
    begin,
    key_subprotocols,
    running,
    speak,
)
from tests.streaming.streaming_kit import speech
from tests.tone_corpus import RATE

SPEECH = as_int16(speech(4 * RATE, seed=0))
KEYS = ("key-of-the-greedy", "key-of-another")


def test_turns_go_to_who_had_least() -> None:
    """Ten lists of one client beside another one: every second batch is the other's."""
    shares = Shares()
    batches: dict[int, list[str]] = {number: ["greedy"] for number in range(10)}
    batches[10] = ["other"]
    order = []
    for _ in range(40):
        turn = min(batches, key=lambda number: shares.least(batches[number]))
        order.append(batches[turn][0])
        shares.charge(batches[turn], 0.02)
    assert order.count("other") == 20


def test_nobody_saves_time_up() -> None:
    shares = Shares()
    for _ in range(1000):
        shares.charge(["early"], 0.01)
    shares.charge(["late"], 0.01)  # begins where the other is
    assert shares.least(["late"]) >= shares.least(["early"])
    assert len(shares) <= 2


def test_a_batch_of_others_is_not_waited_for_twice(
    model: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists of one key are batches of their own, and the other key's chunk comes between them."""
    order: list[set[Any]] = []
    advance = Engine._advance_batch

    def noted(engine: Engine, recognizer: Any, sessions: Any) -> None:
        order.append({session.client for session in sessions})
        advance(engine, recognizer, sessions)

    monkeypatch.setattr(Engine, "_advance_batch", noted)
    with running(model, folder, KEYS) as server:
        greedy = [server.connect(subprotocols=key_subprotocols(KEYS[0])) for _ in range(4)]
        other = server.connect(subprotocols=key_subprotocols(KEYS[1]))
        for number, connection in enumerate(greedy):
            begin(connection, hotwords=["low" + "h" * number])
        begin(other)
        for connection in (*greedy, other):
            connection.send(SPEECH.tobytes())
        assert speak(other, SPEECH)[-1]["duration"] == 8.0
        texts = [speak(connection, SPEECH)[-1]["text"] for connection in greedy]
        assert all(texts)
        for connection in (*greedy, other):
            connection.close()
    assert all(len(clients) == 1 for clients in order)
    names = [next(iter(clients)) for clients in order]
    first, *_, last = (place for place, name in enumerate(names) if KEYS[1] in str(name))
    between = names[first : last + 1]
    assert between.count(names[first]) >= len(between) / 3


def test_hotwords_are_built_elsewhere(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, which may die."""

    def refuse(*_: Any) -> NoReturn:
        raise AssertionError("built beside the live model")

    monkeypatch.setattr("asr.decoding.hotwords.scorer.build_tables", refuse)
    with server.connect() as connection:
        assert begin(connection, hotwords=["lowtop"])["type"] == "ready"
        speak(connection, SPEECH)
    recognizers = server.service.speech.recognizers
    assert recognizers is not None
    executor = recognizers._builds._executor
    assert executor is not None
    (process,) = executor._processes
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: executor._broken)
    with server.connect() as connection:
        assert begin(connection, hotwords=["hightop"])["type"] == "ready"
        speak(connection, SPEECH)


def test_a_long_repetition_is_no_work_square_in_its_length() -> None:
    """Each node's tokens are made of those of its suffix, not of all suffixes anew."""
    graph, looked = ContextGraph({"▁" + "a▁" * 400: 1.0}), 0
    further = graph._further

    def counted(start: int, tokens: LetterTree) -> Any:
        nonlocal looked
        looked += 1
        return further(start, tokens)

    graph._further = counted  # type: ignore[method-assign]
    found = graph.all_special_tokens(LetterTree(["", "▁", "a", "▁a", "b"]))
    assert looked <= len(graph) == len(found)


def test_a_flood_of_small_messages_is_read_slowly(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond its share of messages a connection is not read; others are."""
    monkeypatch.setattr("asr.serving.protocols.websocket._FRAMES_PER_SECOND", 1e-6)
    monkeypatch.setattr("asr.serving.protocols.websocket._FRAMES_AT_ONCE", 200.0)
    with upgraded(server) as raw:
        raw.sendall(frame(1, json.dumps(START).encode()))
        raw.sendall(frame(2, b"\0\0") * 5000)
        wait_until(lambda: len(server.service.live._running) == 1)
        (flooding,) = server.service.live._running
        wait_until(lambda: flooding.live.received * RATE >= 100)
        with server.connect() as connection:
            begin(connection)
            assert speak(connection, SPEECH[: 4 * 8000], block=8000)[-1]["duration"] == 4.0
        # The share, and what of it came in the slice that reached it.
        assert flooding.live.received * RATE <= 200 + 1024 / 8
        server.service.live.end_all()
    wait_until(server.idle)


def test_many_small_messages_are_all_heard(server: Running) -> None:
    with server.connect() as connection:
        begin(connection)
        assert speak(connection, SPEECH[:800], block=1)[-1]["duration"] == 0.1

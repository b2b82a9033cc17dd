from __future__ import annotations

import gc
import weakref

import pytest

from asr.machine import bulk_allocation


class Node:
    """Something that can be part of a cycle."""

    def __init__(self) -> None:
        self.itself: Node | None = None


def test_the_collector_rests_and_comes_back() -> None:
    with pytest.raises(KeyError), bulk_allocation():
        assert not gc.isenabled()
        with bulk_allocation():
            pass
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_memory_is_given_back() -> None:
    with bulk_allocation():
        kept = Node()
    earlier, later = weakref.ref(kept), Node()
    later.itself = later
    cycle = weakref.ref(later)
    del kept, later
    assert earlier() is None  # nothing refers to it
    gc.collect()
    assert cycle() is None  # made after the block, collected as always

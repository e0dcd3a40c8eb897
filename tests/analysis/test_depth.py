"""Room for frames: no loop pays for a chunk of them in each of its rounds."""

from __future__ import annotations

import resource
import sys

import pytest

from explainer.analysis import depth

CALLS = 200
DEPTHS = range(400)  # several of CPython's chunks of 16 KiB


def leaf() -> None:
    """Is called in the loop; its frame is what a chunk has room for or not."""


leaf.__code__ = leaf.__code__.replace(co_stacksize=100)  # larger than the step from one depth to the next


def faults(frames: int) -> int:
    """Returns how many new pages a loop of calls took which stands that many frames further in."""
    if frames:
        return faults(frames - 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(CALLS):
        leaf()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_a_loop_at_the_end_of_a_chunk_takes_a_new_one_each_round() -> None:
    """Or else this Python keeps frames otherwise, and the module is not needed."""
    assert max(map(faults, DEPTHS)) >= CALLS


def test_with_room_no_loop_stands_at_the_end_of_a_chunk() -> None:
    assert max(depth.with_room(lambda frames=frames: faults(frames)) for frames in DEPTHS) < CALLS / 4


def test_what_is_returned_and_raised_passes_through() -> None:
    assert depth.with_room(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        depth.with_room(lambda: 1 // 0)


def test_recursion_ends_where_it_would_without() -> None:
    def down(n: int) -> int:
        try:
            return down(n + 1)
        except RecursionError:
            return n

    assert abs(depth.with_room(lambda: down(0)) - down(0)) < 10 < sys.getrecursionlimit()

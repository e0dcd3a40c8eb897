"""Requests that are the same: run once while in progress, answered from what is kept afterwards."""

from __future__ import annotations

import gc
import random
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from explainer.report import Report, StageReport
from explainer.sandbox import sharing
from explainer.sandbox.client import stream_from
from explainer.sandbox.gate import Gate, Ticket, Visitor
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits, Settings
from explainer.sandbox.sharing import EARLIER, Finished, Seat, Sharing, Steps, key_of
from explainer.spec import Request
from tests.sandbox.conftest import TARGET, failure_of, wait_for, wait_for_death

ANN, BOB = Visitor("ann", "1"), Visitor("bob", "1")
LIMITS = Limits(deadline_s=20)
ENDLESS = "while True: pass"
UNIQUE = "import secrets, time; time.sleep(.4); text = secrets.token_hex(8)"  # no two runs say the same
FAILING = (
    "from explainer.report import Failure\n"
    "text = ''; import secrets\n"
    "failed = Failure('batch', 'ValueError', secrets.token_hex(8), 'e', kind={kind!r}, limit={limit!r})\n"
    "report = Report(request, stages=Report(request).stages, failure=failed)"
)


@pytest.fixture
def pool() -> Iterator[Pool]:
    chosen = Settings(
        jobs=2, spares=0, strategy="fork", target=TARGET, warmup="", queue=3, cache_mb=1, walls=()
    )
    pool = Pool(chosen)
    yield pool
    pool.close()


def asked(
    pool: Pool, code: str, visitor: Visitor | None, fresh: bool = False
) -> Generator[Report, None, object]:
    return stream_from(pool, Request(code=code), "time", LIMITS, visitor, fresh=fresh)


def last(stream: Generator[Report, None, object]) -> Report:
    return list(stream)[-1]


def begun(stream: Generator[Report, None, object]) -> Generator[Report, None, object]:
    """Returns a stream once its worker has begun."""
    while not next(stream).notes:
        pass
    return stream


def note(stream: Generator[Report, None, object]) -> str:
    return next(stream).stages[0].note


def read_all(streams: list[Generator[Report, None, object]]) -> list[list[Report]]:
    """Reads each stream in a thread of its own."""
    found: list[list[Report]] = [[] for _ in streams]
    threads = [threading.Thread(target=lambda n=n: found[n].extend(streams[n])) for n in range(len(streams))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_the_same_request_of_many_at_once_is_run_once(pool):
    visitors = [Visitor(f"v{n}") for n in range(8)]
    found = read_all([asked(pool, UNIQUE, each) for each in visitors])
    assert len({reports[-1].printed for reports in found}) == 1
    assert {reports[-1] for reports in found} == {found[0][-1]}
    assert all(any(report.notes == ("found early",) for report in reports[:-1]) for reports in found)
    assert pool.gate.empty()


@pytest.mark.parametrize(
    "other",
    [
        {"request": Request(code=UNIQUE + " ")},
        {"until": "run"},
        {"limits": replace(LIMITS, deadline_s=19)},
        {"visitor": None},
    ],
)
def test_what_differs_in_any_way_is_run_for_itself(pool, other):
    arguments = {"request": Request(code=UNIQUE), "until": "time", "limits": LIMITS, "visitor": ANN}
    first = begun(stream_from(pool, **arguments))
    second = last(stream_from(pool, **{**arguments, "visitor": BOB, **other}))
    assert last(first).printed != second.printed


def test_calls_without_a_visitor_share_nothing(pool):
    found = [last(asked(pool, UNIQUE, None)) for _ in range(2)]
    assert found[0].printed != found[1].printed
    assert pool.sharing.bytes == 0


def test_a_run_goes_on_when_the_one_who_began_it_leaves(pool):
    leader = begun(asked(pool, UNIQUE, ANN))
    follower = begun(asked(pool, UNIQUE, BOB))
    leader.close()
    assert begun(asked(pool, ENDLESS, ANN)).close() is None  # her place is free again
    report = last(follower)
    assert report.failure is None
    assert len(report.printed) == 16


def test_a_follower_who_leaves_ends_nothing_and_the_last_one_the_worker(pool):
    leader = begun(asked(pool, ENDLESS, ANN))
    follower = begun(asked(pool, ENDLESS, BOB))
    assert wait_for(lambda: len(pool.pids()) == 2)  # the canary is gone
    zygote, *workers = pool.pids()
    follower.close()
    assert next(leader).stages[-1].status == "running"
    assert pool.pids() == (zygote, *workers)
    leader.close()
    assert wait_for_death(workers[0])
    assert pool.gate.empty()


def test_a_stream_that_is_dropped_and_collected_ends_its_worker(pool):
    begun(asked(pool, ENDLESS, ANN))
    assert wait_for(lambda: len(pool.pids()) == 2)  # the canary is gone
    _, worker = pool.pids()
    gc.collect()
    assert wait_for_death(worker)
    assert pool.gate.empty()


def test_one_who_waits_for_her_other_run_may_follow_anothers(pool):
    own = begun(asked(pool, ENDLESS, ANN))
    waiting = asked(pool, UNIQUE, Visitor("ann", "2"))
    assert note(waiting) == "waiting: your other run goes first"
    others = begun(asked(pool, UNIQUE, BOB))
    assert begun(waiting) is waiting
    assert last(others) == last(waiting)
    own.close()


def test_a_finished_answer_is_given_to_the_next_and_says_that_it_is_known(pool):
    first, second = last(asked(pool, UNIQUE, ANN)), list(asked(pool, UNIQUE, BOB))
    assert len(second) == 1
    assert second[0].stages[0].note == f"{EARLIER} 0 s ago"
    assert replace(second[0], stages=first.stages) == first


def test_a_fresh_run_is_made_anew_and_what_it_finds_is_kept(pool):
    first = last(asked(pool, UNIQUE, ANN))
    second = last(asked(pool, UNIQUE, ANN, fresh=True))
    assert second.printed != first.printed
    assert last(asked(pool, UNIQUE, BOB)).printed == second.printed


def test_an_answer_is_not_given_for_good(pool, monkeypatch):
    first = last(asked(pool, UNIQUE, ANN))
    monkeypatch.setattr(sharing, "KEPT_S", 0)
    assert last(asked(pool, UNIQUE, ANN)).printed != first.printed


@pytest.mark.parametrize(
    "code",
    [
        "import os; os._exit(3)",
        "import os; os.abort()",
        "raise ValueError",
        "import os; os.write(3, b'\\x05\\0\\0\\0hello')",
        FAILING.format(kind="", limit=""),
        FAILING.format(kind="raised", limit=""),
        FAILING.format(kind="unequal_sizes", limit="memory"),
    ],
)
def test_what_may_be_the_hosts_doing_is_never_kept(pool, code):
    assert last(asked(pool, code, ANN)).failure is not None
    assert pool.sharing.bytes == 0


def test_a_known_mistake_is_kept(pool):
    code = FAILING.format(kind="unequal_sizes", limit="")
    first = failure_of(last(asked(pool, code, ANN)))
    assert failure_of(last(asked(pool, code, BOB))) == first


def test_a_worker_that_cannot_be_had_is_not_remembered(pool):
    pool.close()
    assert failure_of(last(asked(pool, "pass", ANN))).error_type == "WorkerUnavailable"
    assert pool.sharing.bytes == 0


def test_an_edit_replaces_the_request_that_waits_and_the_old_one_says_so(pool):
    running = begun(asked(pool, ENDLESS, Visitor("ann", "other tab")))
    old, new = asked(pool, "text = 'old'", ANN), asked(pool, "text = 'new'", ANN)
    assert note(old).startswith("waiting")
    assert note(new).startswith("waiting")
    failure = failure_of(last(old))
    assert (failure.error_type, failure.limit) == ("Replaced", "replaced")
    running.close()
    assert last(new).printed == "new"


def test_past_the_bound_a_request_is_refused_with_the_wait_and_the_way_out(pool):
    last(asked(pool, "text = 'it took a while'", BOB))
    busy = [begun(asked(pool, ENDLESS + f" # {n}", Visitor(f"v{n}"))) for n in range(2)]
    waiting = [asked(pool, f"# {n}", Visitor(f"w{n}")) for n in range(3)]
    assert [note(each).split(",")[0] for each in waiting] == [
        f"waiting: {n} before this one" for n in (1, 2, 3)
    ]
    failure = failure_of(last(asked(pool, "pass", ANN)))
    assert (failure.error_type, failure.limit) == ("QueueFull", "queue")
    for words in ("3 requests wait", "EXPLAINER_QUEUE", "through in about", "make run"):
        assert words in failure.explanation
    for each in busy + waiting:
        each.close()
    assert pool.gate.empty()
    assert last(asked(pool, "pass", ANN)).failure is None


def test_cancelling_gives_the_place_to_the_next_at_once(pool):
    first, second = (begun(asked(pool, ENDLESS + f" # {n}", Visitor(f"v{n}"))) for n in range(2))
    third = asked(pool, "text = 'third'", ANN)
    assert note(third).startswith("waiting: 1")
    first.close()
    assert "waiting" not in note(third)
    assert last(third).printed == "third"
    second.close()


def test_no_thread_is_left_over(pool):
    before = set(threading.enumerate())
    read_all([asked(pool, UNIQUE, Visitor(f"v{n}")) for n in range(4)])
    assert set(threading.enumerate()) == before


@pytest.fixture
def eager_collector() -> Iterator[None]:
    """Collects garbage after every few objects, wherever that happens to be."""
    before = gc.get_threshold()
    gc.set_threshold(5, 2, 2)
    yield
    gc.set_threshold(*before)


def five_steps(ticket: Ticket) -> Steps:
    try:
        for n in range(5):
            yield Report(Request(str(n)))
        return Finished(Report(Request("end")), lasting=True)
    finally:
        ticket.leave()


def stream(gate: Gate, place: Sharing, visitor: Visitor, key: bytes) -> Generator[Report, None, object]:
    """Does what the client does, without a worker."""
    ticket, seat = gate.join(visitor), place.join(key, visitor)
    try:
        if seat is None and ticket.wait(0.01):
            seat = place.begin(key, visitor, ticket, lambda: five_steps(ticket))
    finally:
        if seat is None or seat.run.ticket is not ticket:
            ticket.leave()
    if seat is not None:
        yield from place.follow(seat, 0.01)


def visit(gate: Gate, place: Sharing, seed: int) -> None:
    """Begins many streams, and leaves them to the collector."""
    chance = random.Random(seed)
    for n in range(150):
        begun = stream(gate, place, Visitor(f"v{seed}", str(n % 2)), b"abcd"[n % 4 : n % 4 + 1])
        for _ in range(chance.randrange(8)):
            next(begun, None)
        cycle: list[object] = [begun]
        cycle.append(cycle)


def test_streams_that_are_collected_in_the_middle_of_anything_block_nobody(eager_collector):
    gate = Gate(3)
    place = Sharing(1000, gate.lock)
    threads = [threading.Thread(target=visit, args=(gate, place, n), daemon=True) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    gc.collect()
    assert gate.empty()


def report_of(size: int) -> Report:
    return Report(Request("x"), stages=(StageReport("parse", "done"),), printed="a" * size)


def ended(report: Report) -> Steps:
    return Finished(report, lasting=True)
    yield report


def keep(place: Sharing, gate: Gate, name: bytes, size: int) -> None:
    seat = place.begin(name, ANN, gate.join(ANN), lambda: ended(report_of(size)))
    assert list(place.follow(seat, 0.0)) == []


def test_the_bytes_kept_are_bounded_and_the_one_used_longest_ago_goes_first():
    gate = Gate(1)
    place = Sharing(10_000, gate.lock)
    for name in (b"a", b"b", b"c"):
        keep(place, gate, name, 2_500)
    assert place.known(b"a") is not None
    keep(place, gate, b"d", 2_500)
    assert [name for name in (b"a", b"b", b"c", b"d") if place.known(name)] == [b"a", b"c", b"d"]
    assert place.bytes <= 10_000
    keep(place, gate, b"e", 20_000)
    assert place.known(b"e") is None
    assert place.known(b"a") is not None
    keep(place, gate, b"a", 100)
    assert place.bytes < 10_000 - 2_000


def test_a_kept_answer_without_stages_is_no_obstacle():
    gate = Gate(1)
    place = Sharing(10_000, gate.lock)
    seat = place.begin(b"a", ANN, gate.join(ANN), lambda: ended(Report(Request("x"))))
    assert list(place.follow(seat, 0.0)) == []
    assert place.known(b"a") == Report(Request("x"))


def test_the_key_is_the_same_only_for_the_same_text_and_limits():
    keys = {key_of(packed, limits) for packed in (b"a", b"b") for limits in (LIMITS, Limits(deadline_s=1))}
    assert len(keys) == 4
    assert key_of(b"a", Limits(deadline_s=20)) == key_of(b"a", LIMITS)


@dataclass
class House:
    """Runs that never end by themselves, and who sits in which."""

    gate: Gate = field(default_factory=lambda: Gate(2))
    seats: list[Seat] = field(default_factory=list)
    working: set[int] = field(default_factory=set)
    began: int = 0

    def __post_init__(self) -> None:
        self.sharing = Sharing(1000, self.gate.lock)

    def sit(self, visitor: Visitor, key: bytes) -> None:
        seat = self.sharing.join(key, visitor)
        if seat is None:
            ticket = self.gate.join(visitor)
            if not ticket.wait(0):
                ticket.leave()
                return
            seat = self.sharing.begin(key, visitor, ticket, lambda: self.steps(ticket))
        seat.run.move(seat.run.moves, 0.0)
        self.seats.append(seat)

    def steps(self, ticket: Ticket) -> Steps:
        self.began += 1
        number = self.began
        self.working.add(number)
        try:
            while True:
                yield Report(Request(str(number)))
                assert ticket.holds()
        finally:
            self.working.discard(number)

    def check(self) -> None:
        runs = {id(seat.run) for seat in self.seats}
        assert len(runs) == len(self.working) <= 2  # a run works as long as somebody sits in it
        assert self.gate.empty() == (not runs)
        for seat in self.seats:
            names = {visitor.name for visitor in seat.run.followers.values()}
            assert seat.run.ticket.state == "working"
            assert seat.run.ticket.who in names  # somebody who is there pays for it


SIT = st.tuples(st.just("sit"), st.integers(0, 4), st.integers(0, 2))
LEAVE = st.tuples(st.just("leave"), st.integers(0, 40), st.just(0))
MOVE = st.tuples(st.just("move"), st.integers(0, 40), st.just(0))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(SIT | SIT | LEAVE | MOVE, max_size=50))
def test_whoever_comes_and_goes_each_run_works_once_and_ends_with_its_last_follower(steps):
    house = House()
    for kind, first, second in steps:
        if kind == "sit":
            house.sit(Visitor(f"v{first}"), b"abc"[second : second + 1])
        elif house.seats and kind == "leave":
            house.sharing.leave(house.seats.pop(first % len(house.seats)))
        elif house.seats:
            run = house.seats[first % len(house.seats)].run
            before = run.moves
            run.move(before, 0.0)
            assert run.moves == before + 1
        house.check()
    for seat in house.seats:
        house.sharing.leave(seat)
    assert house.gate.empty()
    assert house.working == set()

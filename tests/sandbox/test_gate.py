"""Whose turn it is: one job a visitor, turns that go round, a bound on the line."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from explainer.sandbox import gate, policy
from explainer.sandbox.gate import Gate, Ticket, Visitor

ANN, BOB, EVE = Visitor("ann", "tab"), Visitor("bob", "tab"), Visitor("eve", "tab")


@pytest.fixture(autouse=True, scope="module")
def nobody_rests() -> Iterator[None]:
    """Jobs take no time in these tests, as if each were given up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "REST_S", 0.0)
        yield


def from_tab(visitor: Visitor, tab: object) -> Visitor:
    return Visitor(visitor.name, str(tab), visitor.address)


def states(*tickets: Ticket) -> list[str]:
    return [ticket.state for ticket in tickets]


def next_to_work(line: list[Ticket]) -> Ticket:
    return next(ticket for ticket in line if ticket.state == "working")


def test_as_many_work_as_there_are_places_and_the_next_when_one_leaves():
    places = Gate(2)
    tickets = [places.join() for _ in range(4)]
    assert states(*tickets) == ["working", "working", "waiting", "waiting"]
    tickets[1].leave()
    assert states(*tickets) == ["working", "left", "working", "waiting"]


def test_a_visitor_has_one_job_at_work_though_places_are_free():
    places = Gate(4)
    first, second = places.join(from_tab(ANN, 1)), places.join(from_tab(ANN, 2))
    assert states(first, second) == ["working", "waiting"]
    assert second.ahead() is None
    first.leave()
    assert second.wait(0)


def test_callers_without_a_name_are_all_different():
    assert states(*(Gate(3).join() for _ in range(3))) == ["working"] * 3
    places = Gate(3)
    assert states(*(places.join(Visitor()) for _ in range(3))) == ["working"] * 3


def test_one_who_hammers_delays_another_by_one_job():
    places = Gate(1)
    eves = [places.join(from_tab(EVE, n)) for n in range(20)]
    ann = places.join(ANN)
    assert ann.ahead() == 1
    next_to_work(eves).leave()
    assert ann.wait(0)


def test_turns_go_round_the_visitors():
    places = Gate(1)
    line = [places.join(from_tab(who, n)) for who in (EVE, ANN, BOB) for n in range(3)]
    order = []
    while not places.empty():
        ticket = next_to_work(line)
        order.append(ticket.who)
        ticket.leave()
    assert order == ["eve", "ann", "bob"] * 3


def test_a_newer_request_of_a_tab_replaces_the_one_that_waits_and_takes_its_place():
    places = Gate(1)
    working, old, other = places.join(BOB), places.join(ANN), places.join(EVE)
    new = places.join(ANN)
    assert states(working, old, other, new) == ["working", "replaced", "waiting", "waiting"]
    assert not old.holds()
    assert (new.ahead(), other.ahead()) == (1, 2)


def test_a_newer_request_does_not_replace_the_one_at_work():
    places = Gate(1)
    working, newer = places.join(ANN), places.join(ANN)
    assert states(working, newer) == ["working", "waiting"]


def test_some_tabs_of_a_visitor_may_wait_and_past_them_the_oldest_is_replaced():
    places = Gate(1)
    places.join(BOB)
    anns = [places.join(from_tab(ANN, n)) for n in range(gate.TABS + 1)]
    assert states(*anns) == ["replaced", *["waiting"] * gate.TABS]


def test_past_the_bound_the_newcomer_is_turned_away_at_once():
    places = Gate(1, most=2)
    tickets = [places.join() for _ in range(4)]
    assert states(*tickets) == ["working", "waiting", "waiting", "shed"]
    assert not tickets[3].wait(60)


def test_past_the_bound_an_address_with_many_loses_its_newest_to_one_with_few():
    places = Gate(1, most=4)
    many = [places.join(Visitor(f"eve{n}", address="a")) for n in range(5)]
    home = places.join(Visitor("ann", address="b"))
    assert states(*many, home) == ["working", "waiting", "waiting", "waiting", "shed", "waiting"]


def test_an_address_that_had_most_turns_stands_back_while_others_wait():
    places = Gate(1, most=100)
    many = [places.join(Visitor(f"eve{n}", address="a")) for n in range(40)]
    for _ in range(gate.TURNS):
        next_to_work(many).leave()
    home = places.join(Visitor("ann", address="b"))
    assert home.ahead() == 1
    next_to_work(many).leave()
    assert home.wait(0)


def test_who_asks_for_more_than_she_gets_stands_back_once_others_are_there():
    places, told = Gate(2), []
    eves = [places.join(from_tab(EVE, n)) for n in range(3)]
    assert not eves[0].behind
    eves[0].on_behind = lambda: told.append("eve")
    ann = places.join(ANN)
    assert (eves[0].behind, ann.behind, told) == (True, False, ["eve"])
    ann.leave()
    eves[0].leave()
    assert next_to_work(eves).behind  # ann was there just now
    assert told == ["eve"]


def test_an_address_without_names_that_asks_for_more_stands_back():
    places = Gate(2)
    home = places.join(Visitor("ann", address="b"))
    many = [places.join(Visitor(address="a")) for _ in range(3)]
    many[0].leave()
    assert (home.behind, next_to_work(many).behind) == (False, True)


def test_a_class_alone_behind_one_address_does_not_stand_back():
    places = Gate(2)
    pupils = [places.join(Visitor(f"pupil{n}", address="school")) for n in range(6)]
    assert not any(pupil.behind for pupil in pupils)


def test_who_gives_a_job_up_for_the_next_rests_a_moment_beside_others(monkeypatch):
    monkeypatch.setattr(gate, "REST_S", 60.0)
    places = Gate(2)
    eves = [places.join(from_tab(EVE, n)) for n in range(4)]
    eves[0].leave()
    assert states(*eves[1:]) == ["working", "waiting", "waiting"]  # alone: at once
    ann = places.join(ANN)
    eves[1].leave()
    assert states(*eves[2:], ann) == ["waiting", "waiting", "working"]
    monkeypatch.setattr(gate, "REST_S", 0.0)
    assert eves[2].wait(0)


def test_who_ends_a_job_after_a_while_need_not_rest(monkeypatch):
    places = Gate(2)
    places.join(ANN)
    eves = [places.join(from_tab(EVE, n)) for n in range(3)]
    monkeypatch.setattr(gate, "REST_S", 60.0)
    eves[0].began -= 61
    eves[0].leave()
    assert states(*eves) == ["left", "working", "waiting"]


@pytest.mark.parametrize(
    ("error", "settled"), [(errno.EAGAIN, False), (errno.EROFS, True), (errno.EPERM, True)]
)
def test_a_kernel_that_says_no_is_asked_once_and_one_that_says_not_yet_again(monkeypatch, error, settled):
    def refused(*_: object) -> None:
        raise OSError(error, "no")

    monkeypatch.setattr(policy.os, "getsid", lambda pid: pid)
    monkeypatch.setattr(policy.os, "setpriority", refused)
    assert policy.stand_back(1) is settled


def test_a_class_behind_one_address_is_served_in_turn():
    places = Gate(2)
    pupils = [places.join(Visitor(f"pupil{n}", address="school")) for n in range(30)]
    order = []
    while not places.empty():
        ticket = next_to_work(pupils)
        order.append(ticket.who)
        ticket.leave()
    assert order == [f"pupil{n}" for n in range(30)]


def test_a_turn_goes_past_one_who_is_silent_and_is_had_when_she_asks(monkeypatch):
    places = Gate(1)
    working, silent, here = places.join(), places.join(), places.join()
    monkeypatch.setattr(gate, "QUIET_S", 60)
    silent.heard -= 61
    working.leave()
    assert states(silent, here) == ["waiting", "working"]
    here.leave()
    assert silent.wait(0)


def test_one_who_is_silent_for_long_loses_her_turn_and_her_job_is_stopped():
    places, stopped = Gate(1), []
    gone, waits = places.join(), places.join()
    gone.on_loss = lambda: stopped.append("gone")
    gone.heard -= gate.LEASE_S + 1
    assert waits.wait(0)
    assert (states(gone), stopped) == (["lost"], ["gone"])
    assert not gone.holds()


def test_the_wait_is_estimated_from_the_last_jobs():
    places = Gate(2)
    assert places.seconds(3) is None
    for took in (4.0, 8.0):
        ticket = places.join()
        ticket.began -= took
        ticket.leave()
    assert places.seconds(3) == pytest.approx(9, abs=0.5)  # of 6 s each, two at a time


def test_a_place_passed_on_frees_the_one_who_had_it():
    places = Gate(2)
    ann, more = places.join(ANN), places.join(from_tab(ANN, 2))
    ann.pass_to(BOB)
    assert states(ann, more) == ["working", "working"]
    assert places.join(BOB).ahead() is None


def test_leaving_twice_or_out_of_the_line_is_no_harm():
    places = Gate(1)
    first, second, third = (places.join() for _ in range(3))
    second.leave()
    second.leave()
    first.leave()
    assert states(first, second, third) == ["left", "left", "working"]


@dataclass
class Model:
    """A gate, who has joined it, and every turn that was given."""

    places: Gate
    tickets: list[Ticket] = field(default_factory=list)

    def check(self) -> None:
        working = [each for each in self.tickets if each.state == "working"]
        waiting = [each for each in self.tickets if each.state == "waiting"]
        assert len(working) <= self.places.places
        assert max(Counter(each.who for each in working).values(), default=0) <= 1
        assert len(waiting) == self.places.waiting() <= self.places.most
        assert max(Counter((each.who, each.tab) for each in waiting).values(), default=0) <= 1
        assert max(Counter(each.who for each in waiting).values(), default=0) <= gate.TABS
        idle = len(working) < self.places.places
        busy = {each.who for each in working}
        assert not idle or all(each.who in busy for each in waiting)  # a free place means nobody may have it
        assert self.places.empty() == (not working and not waiting)


JOIN = st.tuples(st.just("join"), st.integers(0, 4), st.integers(0, 5), st.integers(0, 2))
LEAVE = st.tuples(st.just("leave"), st.integers(0, 60))
WAIT = st.tuples(st.just("wait"), st.integers(0, 60))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 3), st.integers(1, 6), st.lists(JOIN | JOIN | LEAVE | WAIT, max_size=60))
def test_whatever_comes_in_whatever_order_the_rules_hold(places, most, steps):
    model = Model(Gate(places, most))
    for kind, *numbers in steps:
        if kind == "join":
            who, tab, address = numbers
            visitor = Visitor(f"v{who}" if who else "", str(tab), f"a{address}" if address else "")
            model.tickets.append(model.places.join(visitor))
        elif model.tickets:
            ticket = model.tickets[numbers[0] % len(model.tickets)]
            if kind == "leave":
                ticket.leave()
            else:
                assert ticket.wait(0) == (ticket.state == "working")
        model.check()
    while not model.places.empty():
        next_to_work(model.tickets).leave()  # raises if all wait for each other
        model.check()

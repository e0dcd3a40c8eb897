"""Gate: at most so many jobs at a time, and whose turn is next among those who wait.

    client ── join(visitor) ─▶ Ticket: waiting ─▶ working ─▶ left
                                 └─▶ replaced, shed, lost: it never works

Turns go round the visitors, not the tickets: a visitor has at most one job at work, and goes to the
end of the line when it ends, so that hammering costs only who hammers. A newer request from the same
tab takes the place of the one that waits. An address that has had most of the last turns stands back
while others wait, so that names which cost nothing, a cookie a request, gain little. Past the bound
on the line, the address with the most in it loses its newest. A job of an address that asks for more
than it gets, while there are others, is told to stand back: the jobs of others have the processors. If it
gives its jobs up early, for the next one, it rests a moment before that.

A turn is lent to a caller who goes on asking for heartbeats. A page whose tab was closed asks no
more, and nobody says so: its ticket is lost once it has been silent for `LEASE_S` while others wait.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

LEASE_S = 5.0  # between two heartbeats a page draws itself; none took 2 s
QUIET_S = 1.0  # a turn goes to one who has asked within this time: the others may be gone
TABS = 4  # of one visitor that may wait; past them her oldest request is replaced
TURNS = 8  # the last ones, of which an address may have half before it stands back
MOST_TURNS = 6  # of the last ones, with which the jobs of a visitor or an address stand back, too
REST_S = 0.3  # a turn shorter than this was given up
LATELY_S = 60.0  # others are there who had a turn within this time
REMEMBERED = 256  # of those
JOBS = 32  # the last ones, whose seconds tell how long one takes

State = Literal["waiting", "working", "replaced", "shed", "lost", "left"]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks: a browser, which of its tabs, and from where. Without a name, somebody never seen before."""

    name: str = ""
    tab: str = ""
    address: str = ""


class Ticket:
    """One job's place at a gate. Only the gate changes it."""

    def __init__(self, gate: Gate, visitor: Visitor, number: int) -> None:
        self._gate = gate
        self.moved = threading.Condition(gate.lock)  # told when there is nothing to wait for any more
        self.state: State = "waiting"
        self.place = number  # in the line: the smaller the earlier
        self.heard = time.monotonic()
        self.began = 0.0
        self.on_loss: Callable[[], None] | None = None  # called when the turn is lost at work
        self.behind = False  # at work, but others come first
        self.on_behind: Callable[[], None] | None = None  # called when it becomes so at work
        self.belong(visitor, number)

    def belong(self, visitor: Visitor, number: int) -> None:
        """Charges this place to a visitor; one without a name or an address is like no other."""
        self.who, self.tab = visitor.name or f"#{number}", visitor.tab
        self.address = visitor.address or f"#{number}"

    def wait(self, timeout: float) -> bool:
        """Waits for the turn; returns whether it has come."""
        return self._gate.wait(self, timeout)

    def ahead(self) -> int | None:
        """Returns how many jobs must end first; None: another one of this visitor must."""
        return self._gate.ahead(self)

    def holds(self) -> bool:
        """Renews the lease; returns False if the place is lost."""
        return self._gate.holds(self)

    def pass_to(self, visitor: Visitor) -> None:
        """Makes the place another visitor's, who goes on with the job."""
        self._gate.pass_to(self, visitor)

    def leave(self) -> None:
        """Gives the place back; safe to call twice."""
        self._gate.leave(self)


class Lately:
    """When visitors, or addresses, last ended a turn, and whether that was a short one."""

    def __init__(self) -> None:
        self._ends: OrderedDict[str, tuple[float, bool]] = OrderedDict()
        self._latest: tuple[tuple[str, float], ...] = ()  # two names, each with its last end, the last first

    def ended(self, name: str, began: float) -> None:
        """Notes that a turn ended now."""
        now = time.monotonic()
        self._latest = ((name, now), *(each for each in self._latest if each[0] != name))[:2]
        self._ends[name] = now, now - began < REST_S
        self._ends.move_to_end(name)
        if len(self._ends) > REMEMBERED:
            self._ends.popitem(last=False)

    def others(self, name: str) -> bool:
        """Tells whether somebody else was there within `LATELY_S`."""
        since = time.monotonic() - LATELY_S
        return any(other != name and end >= since for other, end in self._latest)

    def rests(self, name: str) -> bool:
        """Tells whether a short turn ended within `REST_S`."""
        end, short = self._ends.get(name, (0.0, False))
        return short and time.monotonic() - end < REST_S


class Gate:
    """`places` for jobs, and a line of at most `most` tickets that wait. Any thread may call."""

    def __init__(self, places: int, most: int = 64) -> None:
        self.places, self.most = places, most
        # One for all of the sandbox, and an RLock: a generator may be collected while it is held, and its
        # end needs the gate, the runs and the pool. With locks of their own two threads could block.
        self.lock = threading.RLock()
        self._tickets: list[Ticket] = []  # that wait or work
        self._numbers = itertools.count(1)
        self._served: deque[tuple[str, str]] = deque(maxlen=TURNS)  # visitor, address
        self._lately: dict[str, Lately] = {"who": Lately(), "address": Lately()}
        self._seconds: deque[float] = deque(maxlen=JOBS)  # that jobs took
        self._leaving: deque[Ticket] = deque()
        self._depth = 0

    def resize(self, places: int) -> None:
        """Lets so many work from now on; who works already goes on."""
        with self._alone():
            self.places = places
            self._fill()

    def join(self, visitor: Visitor | None = None) -> Ticket:
        """Returns a ticket, often with its turn at once; `leave` it when done, whatever happens."""
        with self._alone():
            ticket = Ticket(self, visitor or Visitor(), next(self._numbers))
            before = self._replaceable(ticket)
            if before is not None:
                ticket.place = min(ticket.place, before.place)
                self._end(before, "replaced")
            self._tickets.append(ticket)
            self._fill()
            self._hold_back()
            if len(self._waiting()) > self.most:
                self._drop_silent(ticket)
            if len(self._waiting()) > self.most:
                self._end(self._one_too_many(ticket), "shed")
        return ticket

    def wait(self, ticket: Ticket, timeout: float) -> bool:
        """Waits for a ticket's turn; returns whether it has come."""
        with self._alone():
            if ticket.state == "waiting":
                self._drop_silent(ticket)
                self._fill()
        with self.lock:
            ticket.moved.wait_for(lambda: ticket.state != "waiting", timeout)
            ticket.heard = time.monotonic()
            return ticket.state == "working"

    def ahead(self, ticket: Ticket) -> int | None:
        """Returns how many jobs must end before a ticket may work; None: one of its own visitor."""
        with self._alone():
            if ticket.state == "working":
                return 0
            line = self._line()
            return line.index(ticket) + 1 if ticket in line else None

    def seconds(self, ahead: int) -> float | None:
        """Returns about how long so many jobs take to end, by the last ones; None: none has ended yet."""
        with self._alone():
            return statistics.fmean(self._seconds) * ahead / self.places if self._seconds else None

    def waiting(self) -> int:
        """Returns how many tickets wait."""
        with self._alone():
            return len(self._waiting())

    def holds(self, ticket: Ticket) -> bool:
        """Renews a ticket's lease; returns False if it has lost its place."""
        ticket.heard = time.monotonic()
        return ticket.state in ("waiting", "working")

    def pass_to(self, ticket: Ticket, visitor: Visitor) -> None:
        """Makes a ticket another visitor's."""
        with self._alone():
            ticket.belong(visitor, next(self._numbers))
            self._fill()

    def leave(self, ticket: Ticket) -> None:
        """Takes a ticket out, wherever it stands; its turn is another's at once."""
        self._leaving.append(ticket)
        with self._alone():
            pass

    def empty(self) -> bool:
        """Returns whether nobody works or waits."""
        with self._alone():
            return not self._tickets

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps other threads out, and lets go who has left.

        A generator that holds a ticket may be collected, and leave, in the middle of any line below, on
        the same thread; it is let go at the end, when the gate is in order again.
        """
        with self.lock:
            self._depth += 1
            try:
                yield
                while self._depth == 1 and self._leaving:
                    self._end(self._leaving.popleft(), "left")
            finally:
                self._depth -= 1

    def _end(self, ticket: Ticket, state: State) -> None:
        """Takes a ticket out; the place it had goes to the next, and its visitor to the end of the line."""
        if ticket not in self._tickets:
            return
        self._tickets.remove(ticket)
        if ticket.state == "working":
            self._seconds.append(time.monotonic() - ticket.began)
            for by, lately in self._lately.items():
                lately.ended(getattr(ticket, by), ticket.began)
            for other in self._waiting():
                if other.who == ticket.who:
                    other.place = next(self._numbers)
        ticket.state = state
        if state == "lost" and ticket.on_loss is not None:
            ticket.on_loss()
        ticket.moved.notify_all()
        self._fill()

    def _fill(self) -> None:
        """Gives free places to the first in line who listen."""
        now = time.monotonic()
        while len(self._tickets) - len(self._waiting()) < self.places:
            ready = (each for each in self._line() if now - each.heard <= QUIET_S)
            ticket = next((each for each in ready if not self._rests(each)), None)
            if ticket is None:
                return
            ticket.state, ticket.began = "working", now
            self._served.append((ticket.who, ticket.address))
            ticket.behind = self._pressing(ticket)
            ticket.moved.notify_all()

    def _hold_back(self) -> None:
        """Tells the jobs that press, now that somebody else has come, to stand back."""
        for ticket in list(self._tickets):
            if ticket.state == "working" and not ticket.behind and self._pressing(ticket):
                ticket.behind = True
                if ticket.on_behind is not None:
                    ticket.on_behind()

    def _pressing(self, ticket: Ticket) -> bool:
        """Tells whether a visitor or an address asks for more than it gets, or gets most, beside others."""
        return any(self._presses(getattr(ticket, by), by) for by in self._lately)

    def _presses(self, name: str, by: str) -> bool:
        present = [getattr(each, by) for each in list(self._tickets)]
        if present.count(name) == len(present) and not self._lately[by].others(name):
            return False
        turns = sum(name in served for served in list(self._served))
        return present.count(name) > 1 or turns >= MOST_TURNS

    def _rests(self, ticket: Ticket) -> bool:
        """Tells whether a ticket that presses follows one which was given up just now."""
        return any(
            lately.rests(getattr(ticket, by)) and self._presses(getattr(ticket, by), by)
            for by, lately in self._lately.items()
        )

    def _line(self) -> list[Ticket]:
        """Lists who may work next, in order: the first ticket of every visitor who has none at work."""
        working = {each.who for each in self._tickets if each.state == "working"}
        first: dict[str, Ticket] = {}
        for ticket in sorted(self._waiting(), key=_place):
            if ticket.who not in working:
                first.setdefault(ticket.who, ticket)
        if len(first) < 2:
            return list(first.values())
        turns = Counter(address for _, address in list(self._served))
        often = {address for address, count in turns.items() if count * 2 >= TURNS}
        return sorted(first.values(), key=lambda ticket: (ticket.address in often, ticket.place))

    def _waiting(self) -> list[Ticket]:
        return [each for each in self._tickets if each.state == "waiting"]

    def _replaceable(self, newer: Ticket) -> Ticket | None:
        """Returns the waiting ticket that a newer one of the same visitor takes the place of."""
        own = [each for each in self._waiting() if each.who == newer.who]
        same_tab = [each for each in own if each.tab == newer.tab]
        return next(iter(same_tab or (own if len(own) >= TABS else [])), None)

    def _one_too_many(self, newer: Ticket) -> Ticket:
        """Returns the newest ticket of the address with the most in line; `newer` if its own has as many."""
        line = self._waiting()
        count = Counter(each.address for each in line)
        most = max(count.values())
        if count[newer.address] == most:
            return newer
        return max((each for each in line if count[each.address] == most), key=_place)

    def _drop_silent(self, asking: Ticket) -> None:
        asking.heard = now = time.monotonic()
        for ticket in list(self._tickets):
            if now - ticket.heard > LEASE_S:
                self._end(ticket, "lost")


def _place(ticket: Ticket) -> int:
    return ticket.place

"""Gate: at most so many jobs at a time, the others in order of arrival.

A turn is lent to a caller who goes on asking for heartbeats. A page whose tab was closed
asks no more, and nobody says so: its ticket loses its place once it has been silent for
`LEASE_S` while others wait.
"""

from __future__ import annotations

import threading
import time
from collections import deque

LEASE_S = 5.0  # between two heartbeats a page draws itself; none took 2 s


class Gate:
    """A queue whose first `places` tickets may work."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._tickets: deque[Ticket] = deque()
        self._moved = threading.Condition()  # on an RLock: a generator may be collected inside it

    def resize(self, places: int) -> None:
        """Lets so many work from now on; who works already goes on."""
        with self._moved:
            self._places = places
            self._moved.notify_all()

    def join(self) -> Ticket:
        """Returns a ticket at the end of the queue; `leave` it when done, whatever happens."""
        ticket = Ticket(self)
        with self._moved:
            self._tickets.append(ticket)
        return ticket

    def ahead(self, ticket: Ticket) -> int:
        """Returns how many tickets must leave before this one may work; 0: it may."""
        with self._moved:
            return max(0, self._tickets.index(ticket) - self._places + 1)

    def wait(self, ticket: Ticket, timeout: float) -> bool:
        """Waits for this ticket's turn; returns whether it has come."""
        with self._moved:
            self._drop_silent(ticket)
            return self._moved.wait_for(lambda: self.ahead(ticket) == 0, timeout)

    def holds(self, ticket: Ticket) -> bool:
        """Renews a ticket's lease; returns False if it has lost its place."""
        with self._moved:
            ticket.heard = time.monotonic()
            return ticket in self._tickets

    def leave(self, ticket: Ticket) -> None:
        """Takes a ticket out, from any position."""
        with self._moved:
            if ticket in self._tickets:
                self._tickets.remove(ticket)
            self._moved.notify_all()

    def _drop_silent(self, asking: Ticket) -> None:
        now = time.monotonic()
        asking.heard = now
        for ticket in [each for each in self._tickets if now - each.heard > LEASE_S]:
            self.leave(ticket)

    def empty(self) -> bool:
        """Returns whether nobody works or waits."""
        with self._moved:
            return not self._tickets


class Ticket:
    """One job's place in a gate's queue."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.heard = time.monotonic()

    def holds(self) -> bool:
        """Renews the lease; returns False if the place is lost."""
        return self._gate.holds(self)

    def wait(self, timeout: float) -> bool:
        """Waits for the turn; returns whether it has come."""
        return self._gate.wait(self, timeout)

    def ahead(self) -> int:
        """Returns how many must leave first."""
        return self._gate.ahead(self)

    def leave(self) -> None:
        """Gives the place back."""
        self._gate.leave(self)

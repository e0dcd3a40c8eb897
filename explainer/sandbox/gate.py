"""Gate: at most so many jobs at a time, the others in order of arrival."""

from __future__ import annotations

import threading
from collections import deque


class Gate:
    """A queue whose first `places` tickets may work."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._tickets: deque[Ticket] = deque()
        self._moved = threading.Condition()  # on an RLock: a generator may be collected inside it

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
            return self._moved.wait_for(lambda: self.ahead(ticket) == 0, timeout)

    def leave(self, ticket: Ticket) -> None:
        """Takes a ticket out, from any position."""
        with self._moved:
            if ticket in self._tickets:
                self._tickets.remove(ticket)
            self._moved.notify_all()

    def empty(self) -> bool:
        """Returns whether nobody works or waits."""
        with self._moved:
            return not self._tickets


class Ticket:
    """One job's place in a gate's queue."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def wait(self, timeout: float) -> bool:
        """Waits for the turn; returns whether it has come."""
        return self._gate.wait(self, timeout)

    def ahead(self) -> int:
        """Returns how many must leave first."""
        return self._gate.ahead(self)

    def leave(self) -> None:
        """Gives the place back."""
        self._gate.leave(self)

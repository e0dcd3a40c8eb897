"""All attacks, by category."""

from __future__ import annotations

from tests.attacks.attack import Attack
from tests.attacks.callbacks import CALLBACKS
from tests.attacks.compiling import COMPILING
from tests.attacks.crashing import CRASHING
from tests.attacks.endless import TIME
from tests.attacks.files import FILES
from tests.attacks.forging import FORGING
from tests.attacks.information import INFORMATION
from tests.attacks.memory import MEMORY
from tests.attacks.network import NETWORK
from tests.attacks.printing import PRINTING
from tests.attacks.privilege import PRIVILEGE
from tests.attacks.processes import PROCESSES
from tests.attacks.remaining import REMAINING

CATEGORIES: dict[str, tuple[Attack, ...]] = {
    "files": FILES,
    "information": INFORMATION,
    "network": NETWORK,
    "processes": PROCESSES,
    "privilege": PRIVILEGE,
    "callbacks": CALLBACKS,
    "time": TIME,
    "memory": MEMORY,
    "compiling": COMPILING,
    "crashes": CRASHING,
    "output": PRINTING,
    "forging": FORGING,
    "persistence": REMAINING,
}
ATTACKS: dict[str, Attack] = {
    f"{category}-{attack.name}": attack for category, attacks in CATEGORIES.items() for attack in attacks
}
OF_THE_KERNEL = {"files", "information", "network", "processes", "privilege", "callbacks", "persistence"}
"""Categories that walls hold; the others are held by the process and the pool, which are the same at each level."""

SOME = {f"{category}-{attack.name}" for category, attacks in CATEGORIES.items() for attack in attacks[:4]}
"""Four of each category, for every day."""

FEW: tuple[str, ...] = tuple(f"{category}-{attacks[0].name}" for category, attacks in CATEGORIES.items())
"""One of each category, for a second way of making workers."""

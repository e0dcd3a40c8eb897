"""Attacks: at every level above "bare" nothing gets through; at "bare" each shows that it could."""

from __future__ import annotations

import psutil
import pytest

from tests.attacks import trial
from tests.attacks.attack import Attack
from tests.attacks.bait import Bait
from tests.attacks.catalogue import ATTACKS, CATEGORIES, FEW, OF_THE_KERNEL
from tests.attacks.conftest import Walled

GB = 1 << 30
SOON_S = 2.0
SOON_BY_EXEC_S = (
    5.0  # an attack of three visitors uses up the spares, and a fresh interpreter imports JAX first
)
OVERSHOOT_S = 2.0  # past its deadline, the start of a worker and two busy cores included


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_gets_through(walled, bait, name):
    if walled.level == "bare":
        pytest.skip("what it can do there is another test's")
    if walled.level == "contained-5.13" and name.partition("-")[0] not in OF_THE_KERNEL:
        pytest.skip("the age of Landlock makes no difference to it")
    _require_contained(walled, ATTACKS[name], bait)


@pytest.mark.parametrize("name", FEW)
def test_nothing_gets_through_to_fresh_interpreters(walled_by_exec, bait, name):
    if walled_by_exec.level == "bare":
        pytest.skip("what it can do there is another test's")
    _require_contained(walled_by_exec, ATTACKS[name], bait, soon=SOON_BY_EXEC_S)


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if attack.bare == "through"])
def test_without_walls_the_attack_gets_through(bare, bait, name):
    attack = ATTACKS[name]
    if not attack.proven:
        pytest.skip(f"only on {attack.where}")
    assert trial.breaches(trial.attempt(bare.pool, attack, bait), bait)


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if attack.bare != "through"])
def test_what_a_process_alone_holds_ends_as_it_should(bare, bait, name):
    attack = ATTACKS[name]
    outcome = _require_contained(bare, attack, bait, may_leak="through" in attack.endings)
    assert "through" in attack.endings or outcome.ending in attack.endings


def test_every_attack_has_its_proof():
    idle = [name for name, attack in ATTACKS.items() if "answer" in attack.endings and not attack.why]
    assert idle == []


def test_the_catalogue_is_no_smaller_than_promised():
    assert len(ATTACKS) == sum(map(len, CATEGORIES.values())) >= 150
    assert len({attack.code for attack in ATTACKS.values()}) == len(ATTACKS)


def _require_contained(
    walled: Walled, attack: Attack, bait: Bait, *, may_leak: bool = False, soon: float = SOON_S
) -> trial.Outcome:
    free = psutil.virtual_memory().available
    outcome = trial.attempt(walled.pool, attack, bait)
    found = trial.breaches(outcome, bait)
    if not may_leak:
        assert bool(found) == (walled.level.partition("-")[0] in attack.leaks_at), found
    assert outcome.neighbour is None or outcome.neighbour.printed == "done\n"
    assert outcome.seconds < (attack.deadline_s or 3) + OVERSHOOT_S * trial.crowding()
    trial.require_honest_answer(walled.pool, soon)
    trial.require_presentable(outcome.report)
    trial.require_nothing_left(walled.pool)
    assert psutil.virtual_memory().available > free - 3 * GB
    return outcome

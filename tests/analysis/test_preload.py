"""What is loaded when: the analysis of what fails only after its steps ahead, and then all of it."""

from __future__ import annotations

import subprocess
import sys

from explainer.analysis import preload
from tests.browser import ROOT

PROGRAM = """
import sys
from explainer.analysis import pipeline, preload
from explainer.spec import Argument, Request, Vmap

def loaded():
    return {name for name in sys.modules if name.startswith("explainer")}

late = set(preload.LATE)
assert pipeline.explain(preload.PAIRWISE).failure is None
print(sorted(late & loaded()))
for step in preload.ahead(lasting=False)[: len(late)]:
    step()
before = loaded()
print(sorted(late - before))
for request in (
    Request("def f(x):\\n    return x @ x\\n", "f", (Argument("x", "jnp.ones((3, 2, 4))"),), (Vmap("0"),)),
    Request("jax.vmap(jnp.dot)(jnp.ones((3, 2)), jnp.ones((4, 2)))"),
    Request("jax.vmap(lambda x: float(x))(jnp.ones(3))"),
):
    assert pipeline.explain(request).failure is not None
print(sorted(loaded() - before))
"""


def test_what_only_failures_need_is_loaded_ahead_of_them_and_not_by_a_success():
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == ["[]"] * 3
    assert preload.LATE

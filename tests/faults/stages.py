"""For each stage of an explanation a function that takes its time there; each doubles its argument."""

from __future__ import annotations

from explainer.spec import Argument, Request, Stage, Vmap

DOUBLED = [0.0, 2.0, 4.0]
HOLD_S = 0.4  # long enough to be seen; where a stage is met twice, each time

PRIMITIVE = """
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir
slow = Primitive("slow")
slow.def_impl(lambda x, note: x)
slow.def_abstract_eval(lambda x, note: x)
class Note:  # written out where equations are described
    def __repr__(self):
        {described}
        return "note"
def lower(context, x, note):
    {lowered}
    return [x]
batching.primitive_batchers[slow] = lambda values, dims, note: (slow.bind(*values, note=note), dims[0])
mlir.register_lowering(slow, lower)
"""
CALLBACK = """
calls = []
def wait(x):
    calls.append(x)
    if {when}: time.sleep({hold})
    return x
"""
CALL_BACK = "jax.pure_callback(wait, x, x, vmap_method='broadcast_all') * 2"
SLEEP = f"time.sleep({HOLD_S})"


def _request(before: str, result: str = "x * 2") -> Request:
    code = f"import time\n{before}\ndef f(x):\n    return {result}\n"
    return Request(code, "f", (Argument("x", "jnp.arange(3.)"),), (Vmap("0"),))


def _called_back(when: str) -> Request:
    return _request(CALLBACK.format(when=when, hold=HOLD_S), CALL_BACK)


SLOW: dict[Stage, Request] = {
    "parse": _request(SLEEP),
    "trace": _request("", f"({SLEEP}, x * 2)[1]"),
    "batch": _request(PRIMITIVE.format(described=SLEEP, lowered=""), "slow.bind(x, note=Note()) * 2"),
    "lower": _request(PRIMITIVE.format(described="", lowered=SLEEP), "slow.bind(x, note=Note()) * 2"),
    "compile": _request(
        "def sorted_often(x):\n    for _ in range(120): x = jnp.sort(x + jnp.zeros(4))[:4]\n    return x[0]",
        "x + sorted_often(x * jnp.ones(4)) - x + x",
    ),
    "run": _called_back("jnp.ndim(x) and len(calls) == 1"),
    "check": _called_back("jnp.ndim(x) == 0"),
    "time": _called_back("len(calls) > 6"),
}


def until(stage: Stage) -> Stage:
    """Returns the last stage to ask for: one that has outputs to look at, and this one."""
    return stage if stage in ("check", "time") else "run"

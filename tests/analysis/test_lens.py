"""The lens: every intermediate as an independent replay has it, claims proven on it, the first nan found."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

import explainer
from explainer import lessons
from explainer.analysis import batching
from explainer.analysis import lens as looking
from explainer.analysis.run import Run
from explainer.analysis.scripts import SCRIPT
from explainer.report import Report
from explainer.spec import Argument, Request, Vmap
from explainer.views import lens
from tests.analysis import replay

SCAN_OF_VMAP = """\
def f(X):
    def step(c, x):
        d = jax.vmap(lambda y: jnp.sin(y) * c)(x)
        return c + d.sum(), d
    return lax.scan(step, 1.0, X)
"""
PAIRS = "def f(X, Y):\n    return jax.vmap(lambda x: jax.vmap(lambda y: jnp.sum((x - y) ** 2))(Y))(X)\n"
NESTED_LOOPS = """\
def f(x):
    def grow(i, v):
        return lax.while_loop(lambda a: a < 10., lambda a: a * 2 + 1, v) / 3
    return lax.fori_loop(0, 5, grow, x)
"""
SWITCH = """\
def f(which, x):
    def step(c, n):
        c = lax.switch(n, [jnp.sin, jnp.cos, lambda v: v * 2], c)
        return c, c
    return lax.scan(step, x, which)
"""
REVERSED = (
    "def f(x):\n    return lax.scan(lambda c, t: (c * 1.01, c + t), x, jnp.arange(60.), reverse=True)\n"
)
PAIRWISE = ("(0, None)", "(None, 0)")
EMPTY = "f = lambda x: lax.scan(lambda c, t: (c + t, c), x, jnp.zeros(0))"
HALVED = "f = lambda x: lax.while_loop(lambda v: v > 1, lambda v: v / 2, x)"
ENDED = "f = lambda x: lax.while_loop(lambda v: v > 1, lambda v: jnp.sqrt(v - 1), x)"
LOGS = "f = lambda X: jax.vmap(lambda x: jnp.log(x).sum())(X)"
COUNTDOWN = """\
def f(x):
    def step(c, t):
        return c - t, jnp.log(c)
    return lax.scan(step, x, jnp.ones(100))[1].sum()
"""
CALLBACK = """\
def f(x):
    shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return jax.pure_callback(np.sin, shape, x, vmap_method="sequential") * 2
"""


@dataclass(frozen=True)
class Case:
    name: str
    code: str
    arguments: tuple[str, ...]
    levels: tuple[str, ...] = ("0",)
    noise: float = 1e-4  # what rounding alone makes of the last value

    @property
    def request(self) -> Request:
        named = (Argument(f"a{n}", value) for n, value in enumerate(self.arguments))
        return Request(self.code, "f", tuple(named), tuple(Vmap(in_axes) for in_axes in self.levels))


STATED = (
    Case("pairwise", "f = lambda x, y: jnp.sqrt(((x - y) ** 2).sum())", ("f32[3,2]", "f32[4,2]"), PAIRWISE),
    Case("axis-inside", "f = lambda x: jnp.cumsum(x).T / x.sum()", ("f32[3,4,2]",), ("1",)),
    Case("nested-loops", NESTED_LOOPS, ("jnp.array([1., 2., 30.])",)),
    Case("switch-in-scan", SWITCH, ("jnp.array([0, 1, 2, 1])", "normal(f32[3])"), ("(None, 0)",)),
    Case("mapped-switch", SWITCH, ("jnp.array([[0, 1], [2, 1], [1, 1]])", "normal(f32[3])"), ("(0, 0)",)),
    Case("reversed-scan", REVERSED, ("normal(f32[3])",)),
    Case("keys", "f = lambda k: jax.random.normal(jax.random.fold_in(k, 1), (2,))", ("key[3]",)),
    Case("gradient", "f = jax.grad(lambda x: jnp.tanh(x @ x).sum())", ("normal(f32[3,2,2])",)),
    Case("rounding", "f = lambda x: (x - x.mean()).sum() * 1e6", ("normal(f32[4,100])",), noise=1.0),
    Case("callback", CALLBACK, ("normal(f32[3])",)),
)  # fmt: skip
NOT_REPLAYED = (  # by the tests' own replay
    Case("empty-scan", EMPTY, ("normal(f32[3])",)),
    Case("solve", "f = jnp.linalg.solve", ("normal(f32[4,3,3])", "normal(f32[4,3])"), ("(0, 0)",)),
)
CAPTURED = (
    Case("pairs", PAIRS, ("normal(f32[3,2])", "normal(f32[4,2])"), ()),
    Case("inside-scan", SCAN_OF_VMAP, ("normal(f32[6,3])",), ()),
    Case("inside-scan-and-a-level", SCAN_OF_VMAP, ("normal(f32[2,6,3])",)),
)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Gives the proof the time it takes: how many examples fit into a second is the machine's matter."""
    monkeypatch.setattr(looking.proving, "_SECONDS", 120.0)


def explained(case: Case) -> Report:
    report = explainer.explain(case.request, until="check")
    assert report.failure is None, report.failure
    assert report.values is not None
    assert report.values.note == ""
    return report


@pytest.mark.parametrize("case", STATED, ids=lambda case: case.name)
def test_every_value_is_that_of_an_independent_replay(case):
    report = explained(case)
    assert report.values is not None
    programs = replay.programs(report)
    whole = replay.record(programs.batched, programs.source, programs.arguments)
    ids = {key: number for number, key in reversed(list(enumerate(programs.keys)))}
    expected = {(ids[value.key], value.output, value.iterations): array for value, array in whole.items()}
    assert report.values.seen
    for seen in report.values.seen:
        array = replay.host(expected[seen.equation, seen.output, seen.iterations])
        if seen.value.dtype.startswith("key"):
            continue
        shown = array[np.ix_(*seen.value.kept)] if array.ndim else array
        noise = case.noise if seen.equation == len(report.equations) - 1 else 1e-4
        np.testing.assert_allclose(np.asarray(seen.value.preview, array.dtype), shown, rtol=1e-4, atol=noise)
    kept = {number for loop in report.values.loops for number in loop.kept}
    found = {(seen.equation, seen.output, seen.iterations) for seen in report.values.seen}
    assert {key for key in expected if kept.issuperset(key[2])} == found


@pytest.mark.parametrize("case", (*STATED, *NOT_REPLAYED, *CAPTURED), ids=lambda case: case.name)
def test_the_claimed_axes_hold_on_real_values(case):
    report = explained(case)
    assert report.values is not None
    proof = report.values.proof
    assert proof.holds, proof
    assert proof.values == proof.agreed + proof.undecided
    assert proof.examples > 1


@pytest.mark.parametrize("lesson", ["rnn-scan", "while-slowest", "per-example-grad"])
def test_the_axes_of_lessons_hold_on_real_values(lesson):
    found = lessons.find(lesson)
    assert found is not None
    values = explainer.explain(found.request, until="check").values
    assert values is not None
    assert values.proof.holds


def test_a_wrong_claim_is_found_and_named(monkeypatch):
    """The axes of one equation are claimed the other way round: same shape, other values."""
    real = looking.proving.prove

    def lied(subjects, batched, ids, report, rounding):
        equations = list(report.equations)
        output = equations[1].outputs[0]
        assert output.batch_dims == (0, 1)
        equations[1] = replace(equations[1], outputs=(replace(output, batch_dims=(1, 0)),))
        return real(subjects, batched, ids, replace(report, equations=tuple(equations)), rounding)

    monkeypatch.setattr(looking.proving, "prove", lied)
    square = Case("square", "f = lambda x, y: (x - y) ** 2", ("f32[3]", "f32[3]"), PAIRWISE)
    report = explained(square)
    assert report.values is not None
    proof = report.values.proof
    assert proof.holds is False
    assert proof.wrong is not None
    assert (proof.wrong.equation, proof.wrong.output) == (1, 0)
    assert proof.agreed < proof.values
    assert "NOT every claimed axis holds" in lens.proof_words(proof)


NAN = (
    ("made", "f = lambda x: jnp.log(x) * 2", "jnp.array([1., -1., 0.])",
     ["First nan at i = 1: made by log (equation 0) of jnp.log(x).",
      "First inf at i = 2: made by log (equation 0) of jnp.log(x)."]),
    ("inf-to-nan", "f = lambda x: (1 / x) * x", "jnp.array([1., 0.])",
     ["First inf at i = 1: made by div (equation 0) of 1 / x.",
      "First nan at i = 1: made by mul (equation 1) of (1 / x) * x, from inf among its inputs."]),
    ("given", "f = lambda x: x * 2", "jnp.array([1., jnp.nan])",
     ["First nan at i = 1: in mul (equation 0) of x * 2, whose inputs hold nan already."]),
    ("masked", "f = lambda x: jnp.where(x > 0, jnp.log(x), 0.)", "jnp.array([1., -1.])",
     ["First nan at i = 1: made by log (equation 1) of jnp.log(x). "
      "No result holds it: what comes after leaves it out."]),
    ("other-branch", "f = lambda x: lax.cond(x > 0, jnp.log, jnp.abs, x)", "jnp.array([1., -1.])", []),
    ("constant-of-jax", "f = lambda x: x.std()", "normal(f32[3,4])", []),
    ("in-a-late-iteration", COUNTDOWN, "jnp.array([200., 70., 300.])",
     ["First inf at i = 1, iteration 70: made by log (equation 3) of jnp.log(c).",
      "First nan at i = 1, iteration 71: made by log (equation 3) of jnp.log(c)."]),
    ("finished-in-a-while", ENDED, "jnp.array([1.5, 9.])", []),
)  # fmt: skip


@pytest.mark.parametrize(("name", "code", "value", "told"), NAN, ids=[case[0] for case in NAN])
def test_the_first_nan_names_example_equation_and_expression(name, code, value, told):
    report = explained(Case(name, code, (value,)))
    assert report.values is not None
    assert [lens.bad_words(report, bad) for bad in report.values.bad] == told


def test_a_nan_in_a_captured_function_names_its_example():
    report = explained(Case("captured", LOGS, ("jnp.array([[1., 2.], [3., -1.]])",), ()))
    assert report.values is not None
    assert [lens.bad_words(report, bad) for bad in report.values.bad] == [
        "First nan at i = 1: made by log (equation 0) of jnp.log(x)."
    ]


@pytest.mark.parametrize(
    ("case", "note"),
    [
        (
            Case("empty", "f = lambda x: x * 2", ("f32[0]",)),
            "an axis has size 0: there is no example to look at",
        ),
        (Case("nothing", "f = lambda x: x", ("f32[2]",)), "the program has no equations"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_why_nothing_is_looked_at(case, note):
    values = explainer.explain(case.request, until="check").values
    assert values is not None
    assert values.note == note


def test_examples_that_communicate_cannot_be_run_alone():
    levels = (Vmap(axis_name="i"),)
    request = Request("f = lambda x: x / lax.psum(x, 'i')", "f", (Argument("x", "f32[3]"),), levels)
    values = explainer.explain(request, until="check").values
    assert values is not None
    assert values.seen
    assert values.proof.holds is None
    assert "communicate along an axis" in values.proof.note


def test_values_beyond_the_limit_are_left_out_and_counted(monkeypatch):
    monkeypatch.setattr(looking, "MOST_ENTRIES", 20)
    report = explained(Case("some", "f = lambda x: jnp.tile(x, 9).sum() + x.sum()", ("f32[3,2]",)))
    assert report.values is not None
    assert report.values.left_out > 0
    assert report.values.proof.holds
    assert any(row.missing == "not kept" for row in lens.rows(report))


def test_a_finished_example_of_a_while_is_told_from_one_that_goes_on():
    report = explained(Case("while", HALVED, ("jnp.array([1.5, 9.])",)))
    assert report.values is not None
    (loop,) = report.values.loops
    assert loop.count == 4
    body = next(row for row in lens.rows(report) if row.equation and "body" in row.equation.body)
    over = [[lens.finished(report, body, (i,), {loop.equation: n}) for n in range(4)] for i in range(2)]
    assert over == [[False, True, True, True], [False] * 4]


def test_every_call_of_a_script_is_looked_at():
    code = "Y = jax.vmap(lambda x: jnp.log(x).sum())(jnp.array([[1., 2.], [3., -1.]]))\n"
    code += "Z = jax.vmap(jnp.sin)(Y)\n"
    request = Request(code)
    run = Run(request, SCRIPT)
    for name in ("parse", "run", "trace", "batch"):
        assert run.stage(name)
    assert run.capture is not None
    found = batching.describe_roots(run.capture, run.sources)
    values, cut = looking.look_at_calls(run.capture, found, run.report)
    assert not cut
    assert [seen.equation for seen in values.seen] == [0, 1, 2]
    assert values.proof.holds
    assert values.proof.examples == 4
    assert [(bad.kind, bad.equation, bad.example) for bad in values.bad] == [("nan", 0, (1,))]


def test_a_script_of_many_calls_is_looked_into_as_far_as_time_allows(monkeypatch):
    monkeypatch.setattr(looking, "CALLS_SECONDS", -1.0)
    report = explainer.explain(Request("X = jnp.ones(3)\njax.vmap(jnp.sin)(X)\njax.vmap(jnp.cos)(X)\n"))
    assert report.values is not None and not report.values.seen
    assert report.notes == ("values: the first 0 of 2 calls were looked into",)

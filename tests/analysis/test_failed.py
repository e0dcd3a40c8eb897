"""Failed calls: a vmapped call that raises in a script or a live function is told as a stated nest is."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import pytest

import explainer
from explainer import Argument, Request, Vmap
from explainer.analysis.explaining import failures
from explainer.analysis.failing import failed
from explainer.analysis.spans import Sources
from explainer.report import Span
from explainer.views.focus import focus

DIST = (
    "def dist(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))\nX, Y = jnp.ones((3, 2)), jnp.ones((4, 2))\n"
)


@dataclass(frozen=True)
class Case:
    """A script; the kind of its failure, who is to blame, the chain of levels, the expressions blamed."""

    code: str
    kind: str
    arguments: tuple[str, ...]
    levels: tuple[str, ...]
    blamed: tuple[str, ...]


CASES = {
    "a direct call": Case(
        f"{DIST}out = jax.vmap(dist)(X, Y)",
        "unequal_sizes",
        ("X", "Y"),
        ("i dist X[3,2]@0 Y[4,2]@0",),
        ("jax.vmap(dist)(X, Y)", "jax.vmap(dist)"),
    ),
    "a nest with a name": Case(
        f"{DIST}pairs = jax.vmap(jax.vmap(dist), in_axes=(0, None))\nprint(pairs(X, Y))",
        "unequal_sizes",
        ("X", "Y"),
        ("i dist x[3,2]@0 y[4,2]@None", "0>j dist X[2]@0 Y[4,2]@0"),
        ("pairs(X, Y)", "jax.vmap(dist)"),
    ),
    "a decorator": Case(
        "@partial(jax.vmap, in_axes=(0, 2))\n"
        "def scale(x, w):\n"
        "    return x * w\n"
        "scale(jnp.ones(3), jnp.ones((3, 2)))",
        "no_such_axis",
        ("w",),
        ("i scale x[3]@0 w[3,2]@2",),
        ("scale(jnp.ones(3), jnp.ones((3, 2)))", "partial(jax.vmap, in_axes=(0, 2))"),
    ),
    "a method": Case(
        "class Model:\n"
        "    def __init__(self):\n"
        "        self.batched = jax.vmap(self.one, in_axes=(0, 1))\n"
        "    def one(self, x, w):\n"
        "        return x @ w\n"
        "X, W = jnp.ones((3, 2)), jnp.ones((2, 5))\n"
        "Model().batched(X, W)",
        "unequal_sizes",
        ("X", "W"),
        ("i one X[3,2]@0 W[2,5]@1",),
        ("Model().batched(X, W)", "jax.vmap(self.one, in_axes=(0, 1))"),
    ),
    "a value of an object": Case(
        "class Data:\n"
        "    def __init__(self):\n"
        "        self.X = jnp.ones((3, 2))\n"
        "    def products(self, W):\n"
        "        return jax.vmap(jnp.dot)(self.X, W)\n"
        "Data().products(jnp.ones((2, 5)))",
        "unequal_sizes",
        ("self.X", "W"),
        ("i dot self.X[3,2]@0 W[2,5]@0",),
        ("jax.vmap(jnp.dot)(self.X, W)", "jax.vmap(jnp.dot)"),
    ),
    "inside a mapped function": Case(
        f"{DIST}def outer(x):\n    return jax.vmap(lambda y, z: y * z)(Y, x)\njax.jit(jax.vmap(outer))(X)",
        "unequal_sizes",
        ("Y", "x"),
        ("i outer x[3,2]@0", "0>j <lambda> Y[4,2]@0 x[2]@0"),
        ("jax.vmap(lambda y, z: y * z)(Y, x)", "jax.vmap(lambda y, z: y * z)"),
    ),
    "inside scan": Case(
        f"{DIST}def step(c, x):\n    return c, jax.vmap(dist)(x, Y)\njax.lax.scan(step, 0.0, X)",
        "unequal_sizes",
        ("x", "Y"),
        ("i dist x[2]@0 Y[4,2]@0",),
        ("jax.vmap(dist)(x, Y)", "jax.vmap(dist)"),
    ),
    "inside grad": Case(
        f"{DIST}loss = lambda x: jax.vmap(dist, in_axes=(0, 1))(x, Y).sum()\njax.grad(loss)(X)",
        "unequal_sizes",
        ("x", "Y"),
        ("i dist x[3,2]@0 Y[4,2]@1",),
        ("jax.vmap(dist, in_axes=(0, 1))(x, Y)", "jax.vmap(dist, in_axes=(0, 1))"),
    ),
    "a keyword argument": Case(
        "def take(x, n):\n    return x[:n]\njax.vmap(take)(jnp.ones((4, 3)), n=2)",
        "keyword_mapped",
        ("n",),
        ("i take x[4,3]@0",),
        ("jax.vmap(take)(jnp.ones((4, 3)), n=2)", "jax.vmap(take)"),
    ),
    "a partial": Case(
        f"{DIST}jax.vmap(partial(dist, X))(jnp.float32(3.0))",
        "scalar_mapped",
        ("y",),
        ("i partial y[]@0",),
        ("jax.vmap(partial(dist, X))(jnp.float32(3.0))", "jax.vmap(partial(dist, X))"),
    ),
    "arguments unpacked": Case(
        f"{DIST}jax.vmap(dist)(*[X, Y])",
        "unequal_sizes",
        ("x", "y"),
        ("i dist x[3,2]@0 y[4,2]@0",),
        ("jax.vmap(dist)(*[X, Y])", "jax.vmap(dist)"),
    ),
    "one value twice": Case(
        f"{DIST}jax.vmap(dist, in_axes=(0, 1))(X, X)",
        "unequal_sizes",
        ("x", "y"),
        ("i dist x[3,2]@0 y[3,2]@1",),
        ("jax.vmap(dist, in_axes=(0, 1))(X, X)", "jax.vmap(dist, in_axes=(0, 1))"),
    ),
    "an output that is not shared": Case(
        'jax.config.update("jax_enable_x64", True)\n'
        "def loss(w, x):\n    return jnp.sum(x * w)\n"
        "w, X = jnp.ones(2), jnp.ones((5, 2))\n"
        "jax.vmap(loss, (None, 0), out_axes=None)(w, X)",
        "out_axes_none",
        ("X",),
        ("i loss w[2]@None x[5,2]@0",),
        ("jax.vmap(loss, (None, 0), out_axes=None)(w, X)", "jax.vmap(loss, (None, 0), out_axes=None)"),
    ),
    "axes that jax.vmap refuses": Case(
        'p = {"a": jnp.ones(3)}\njax.vmap(lambda p: p["a"], in_axes={"a": 0})(p)',
        "spec_not_wrapped",
        ("p",),
        ("i <lambda>",),
        ('jax.vmap(lambda p: p["a"], in_axes={"a": 0})',),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_failing_call_of_a_script_is_told_with_its_arguments_levels_and_text(name):
    case = CASES[name]
    report = explainer.explain(Request(case.code), until="run")
    failure = report.failure
    assert failure is not None and failure.stage == "run"
    assert (failure.kind, failure.blame.arguments) == (case.kind, case.arguments)
    assert tuple(map(told, report.levels)) == case.levels
    assert failure.blame.levels == (len(case.levels) - 1,)
    assert tuple(text(case.code, span) for span in failure.blame.spans) == case.blamed


def told(level) -> str:
    """Puts a level in words: "0>j dist X[2]@0"."""
    leaves = [f"{leaf.path}{[*leaf.shape]}@{leaf.axis}".replace(", ", ",") for leaf in level.inputs]
    parent = "" if level.parent is None else f"{level.parent}>"
    return " ".join([f"{parent}{level.name} {level.function}", *leaves])


def text(code: str, span: Span) -> str:
    assert span.line == span.end_line
    return code.split("\n")[span.line - 1][span.column : span.end_column]


@pytest.mark.parametrize("name", CASES)
def test_type_and_message_are_those_of_plain_jax(name):
    failure = explainer.explain(Request(CASES[name].code), until="run").failure
    names = {"jax": jax, "jnp": jnp, "partial": __import__("functools").partial}
    before = jax.config.values["jax_enable_x64"]
    try:
        with pytest.raises(Exception) as raised:
            exec(CASES[name].code, names)
    finally:
        jax.config.update("jax_enable_x64", before)
    assert failure is not None
    assert (failure.error_type, failure.message) == (type(raised.value).__name__, str(raised.value))


def test_the_mismatch_names_the_levels_of_the_report():
    report = explainer.explain(Request(CASES["inside a mapped function"].code), until="run")
    mismatch = report.failure and report.failure.mismatch
    assert mismatch is not None and mismatch.level == 1
    assert [(lane.name, lane.shape, lane.axis) for lane in mismatch.lanes] == [
        ("Y", (4, 2), 0),
        ("x", (2,), 0),
    ]


def test_an_error_raised_on_purpose_stays_ones_own():
    code = 'def f(x):\n    raise LookupError("mine")\njax.vmap(f)(jnp.ones(3))'
    failure = explainer.explain(Request(code), until="run").failure
    assert failure is not None and failure.error_type == "LookupError"
    assert failure.explanation == 'f raised LookupError at `raise LookupError("mine")`: mine'


def test_an_error_outside_of_every_vmap_is_no_failed_call():
    code = "jax.vmap(jnp.sin)(jnp.ones(3))\njnp.ones(3) @ jnp.ones(4)"
    report = explainer.explain(Request(code), until="run")
    assert report.failure is not None and report.failure.kind == ""
    assert [level.note for level in report.levels] == [""]


def test_what_a_script_catches_is_no_failure_and_prints_what_jax_prints():
    code = f"{DIST}import traceback\ntry:\n    jax.vmap(dist)(X, Y)\nexcept ValueError:\n"
    code += "    traceback.print_exc()"
    report = explainer.explain(Request(code), until="run")
    assert report.failure is None
    assert "vmap_f" not in report.printed and "JAX has removed its internal frames" in report.printed


def test_a_function_is_traced_once_more_only_and_prints_once():
    code = 'def f(x):\n    print("called")\n    return x[0, 0]\njax.vmap(f)(jnp.ones(3))'
    report = explainer.explain(Request(code), until="run")
    assert report.printed == "called\n"


LIVE = {
    "a call": (lambda x, y: jax.vmap(jnp.dot)(x, y) + 1, ("x", "y"), ("i dot x[3,2]@0 y[4,2]@0",)),
    "mapped itself": (jax.vmap(jnp.dot), ("a", "b"), ("i dot a[3,2]@0 b[4,2]@0",)),
    "under jit": (jax.jit(jax.vmap(jnp.dot)), ("a", "b"), ("i dot a[3,2]@0 b[4,2]@0",)),
}


@pytest.mark.parametrize("name", LIVE)
def test_a_failing_live_call_is_explained_and_mended(name):
    function, arguments, levels = LIVE[name]
    report = explainer.explain(function, jnp.ones((3, 2)), jnp.ones((4, 2)))
    assert report.failure is not None and report.failure.kind == "unequal_sizes"
    assert report.failure.blame.arguments == arguments
    assert tuple(map(told, report.levels)) == levels
    assert any("Share" in fix.summary for fix in report.fixes)
    assert "in_axes=(0, None)" in str(report)
    assert "in_axes=(0, None)" in report._repr_html_()


def test_a_call_inside_a_stated_function_stands_under_the_stated_levels():
    code = (
        "def inner(x, y):\n    return x * y\ndef outer(x):\n    return jax.vmap(inner)(x, jnp.ones((5, 2)))"
    )
    report = explainer.explain(Request(code, "outer", (Argument("X", "f32[3,4]"),), (Vmap(),)), until="trace")
    assert tuple(map(told, report.levels)) == ("i outer X[3,4]@0", "0>j inner x[4]@0 y[5,2]@0")
    assert report.failure is not None and report.failure.blame.levels == (1,)
    assert "inside vmap over i" in report.failure.explanation


def test_a_stated_nest_is_no_failed_call():
    request = Request(DIST, "dist", (Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]")), (Vmap(),))
    report = explainer.explain(request, until="trace")
    assert [level.captured for level in report.levels] == [False]


def call_of(function) -> failed.FailedCall:
    with failed.keeping():
        try:
            function()
        except Exception as error:  # noqa: BLE001  (jax.vmap's)
            found = failed.find(error, Sources(Request(""), __file__))
            assert found is not None
            return found
    raise AssertionError("nothing failed")


def test_the_program_of_a_failed_call_has_its_values_and_all_its_levels():
    x, y = jnp.arange(6.0).reshape(3, 2), jnp.ones((4, 2))
    call = call_of(lambda: jax.vmap(jax.vmap(jnp.dot, in_axes=(0, 0)), in_axes=(1, None))(x, y))
    assert [level.text.in_axes for level in call.program.levels] == ["(1, None)", "(0, 0)"]
    assert [operand.path for operand in call.program.operands] == ["x", "y"]
    assert call.program.operands[0].value is x
    assert [len(avals) for avals in call.nest.avals] == [2, 2]
    assert call.request.levels == tuple(level.text for level in call.program.levels)


def test_values_that_were_traced_are_promises_of_arrays():
    call = call_of(lambda: jax.jit(lambda x: jax.vmap(jnp.dot)(x, jnp.ones((4, 2))))(jnp.ones((3, 2))))
    assert [str(operand.aval.shape) for operand in call.program.operands] == ["(3, 2)", "(4, 2)"]
    assert str(call.program.operands[0].value) == "f32[3,2]"


def test_shapes_come_from_the_axes_where_a_function_fails_otherwise_when_called_again():
    seen = []

    def fails(y):
        seen.append(y)
        return y @ jnp.ones(9) if len(seen) == 1 else {}["gone"]

    call = call_of(lambda: jax.vmap(fails, in_axes=1)(jnp.ones((4, 3))))
    assert not call.ended
    assert [[aval.shape for aval in avals] for avals in call.nest.avals] == [[(4, 3)], [(4,)]]


def test_a_function_that_ends_the_program_when_called_again_ends_nothing():
    code = "seen = []\ndef f(x):\n    seen.append(x)\n    return x[7, 7] if len(seen) == 1 else sys.exit()\n"
    report = explainer.explain(Request(f"import sys\n{code}jax.vmap(f)(jnp.ones(3))"), until="run")
    assert report.failure is not None and report.failure.error_type == "IndexError"


def test_tracebacks_pass_as_jax_filters_them():
    def fails():
        jax.jit(lambda x: jax.vmap(jnp.dot)(x, jnp.ones((4, 2))))(jnp.ones((3, 2)))

    def formatted() -> list[str]:
        try:
            fails()
        except ValueError as error:
            return traceback.format_exception(error)[:-1] + getattr(error, "__notes__", [])
        raise AssertionError

    plain = formatted()
    with failed.keeping():
        kept = formatted()
    assert kept == plain
    assert formatted() == plain


def test_what_a_library_handed_on_keeps_the_name_that_the_user_gave_it():
    code = (
        "import equinox as eqx\n"
        "class Layer(eqx.Module):\n"
        "    w: jax.Array\n"
        "    def __call__(self, x):\n"
        "        return self.w @ x\n"
        "layer, X = Layer(jnp.ones((4, 3))), jnp.ones((8, 5))\n"
        "eqx.filter_vmap(layer)(X)"
    )
    report = explainer.explain(Request(code), until="run")
    assert report.failure is not None and report.failure.blame.paths == ("X",)
    assert report.levels[0].made_by == "equinox"


def test_trouble_of_ours_leaves_the_error_told_in_its_own_words(monkeypatch):
    def broken(scene):
        raise RuntimeError("ours")

    monkeypatch.setattr(failures, "describe", broken)
    report = explainer.explain(Request(f"{DIST}jax.vmap(dist)(X, Y)"), until="run")
    assert report.failure is not None and report.failure.error_type == "ValueError"
    assert report.failure.explanation == report.failure.message
    assert report.notes == (
        "the call that failed could not be taken apart: RuntimeError: ours",
        "the error could not be explained: RuntimeError: ours",
    )


@pytest.mark.parametrize(
    ("call", "seen"),
    [
        ("jax.vmap(dist)(X, Y)", {"X": ((3, 2), 0), "Y": ((4, 2), 1)}),
        ("jax.vmap(jax.vmap(dist), (0, None))(X, Y)", {"X": ((3, 2), 0), "Y": ((4, 2), 1)}),
        ("jax.vmap(dist, (0, 2))(X, Y)", {"X": ((3, 2), 0), "Y": ((4, 2), 1)}),
        ("jax.jit(jax.vmap(dist))(X, Y)", {"X": ((3, 2), None), "Y": ((4, 2), None)}),
    ],
)
def test_the_picture_of_a_failed_call_has_the_values_that_it_was_handed(call: str, seen: dict[str, object]):
    code = (
        f"{DIST.splitlines(keepends=True)[0]}    return x - y\nX, Y = jnp.zeros((3, 2)), jnp.ones((4, 2))\n"
    )
    report = explainer.explain(Request(code=f"{code}{call}"), until="check")
    shown = focus(report, report.levels[-1].id)
    leaves = [leaf for argument in shown.arguments for leaf in argument.leaves]
    assert {leaf.path: (leaf.shape, leaf.min) for leaf in leaves} == seen

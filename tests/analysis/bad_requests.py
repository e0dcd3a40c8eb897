"""Bad requests: for each the stage that fails, what must be said, and the text that is blamed."""

from __future__ import annotations

from dataclasses import dataclass

from explainer import Argument, Request, Vmap
from explainer.spec import Stage

DIST = "def dist(x, y):\n    return jnp.sqrt(jnp.sum((x - y) ** 2))\n"
XY = (Argument("X", "f32[3,2]"), Argument("Y", "f32[4,2]"))


@dataclass(frozen=True)
class Case:
    """A bad request: where it fails, words of the explanation, and the source text blamed by a span.

    `since`: the version of JAX that came to refuse it; those before do as if nothing was said.
    """

    name: str
    request: Request
    stage: Stage
    error: str
    says: tuple[str, ...]
    blames: str = ""
    since: tuple[int, ...] = ()


def one(code: str, value: str = "f32[4]", in_axes: str = "0", **level: str) -> Request:
    """Returns a request for `f(x)` under one level."""
    return Request(code, "f", (Argument("x", value),), (Vmap(in_axes, **level),))


MESH = "from jax.sharding import Mesh, PartitionSpec as P\nmesh = Mesh(jax.devices()[:4], ('i',))\n"


def spread(code: str, *values: str) -> Request:
    """Returns a request for `f(x, y)` without levels: the function maps by itself."""
    return Request(code, "f", tuple(Argument(name, value) for name, value in zip("xy", values)))


CASES = (
    Case("empty editor", Request(), "parse", "RequestError", ("No function is named",)),
    Case(
        "syntax error", one("def f(x:\n  return x"), "parse", "SyntaxError", ("Line 1", "never closed"), "("
    ),
    Case(
        "unknown name",
        one("def f(x): return x + foo"),
        "trace",
        "NameError",
        ("'foo' is not defined",),
        "foo",
    ),
    Case(
        "near name", one("def f(x): return jmp.sin(x)"), "trace", "NameError", ("Did you mean 'jnp'",), "jmp"
    ),
    Case("unicode name", one("def f(数): return 数 + ψ"), "trace", "NameError", ("'ψ' is not defined",), "ψ"),
    Case(
        "unknown function",
        Request("", "g", (), ()),
        "parse",
        "NameError",
        ("'g' is not defined in what is mapped",),
        "g",
    ),
    Case(
        "not a function",
        Request("f = 3", "f", (), ()),
        "parse",
        "RequestError",
        ("f is not a function: its type is int",),
    ),
    Case("no value", one("def f(x): return x", " "), "parse", "RequestError", ("x has no value",)),
    Case("bad spec", one("def f(x): return x", "f32[4,a]"), "parse", "SpecError", ("x is f32[4,a]", "'a'")),
    Case(
        "bad dtype",
        one("def f(x): return x", "f33[4]"),
        "parse",
        "NameError",
        ("'f33'", "as in f32[3,2]"),
        "f33",
    ),
    Case(
        "one argument too many",
        Request("def f(x): return x", "f", (Argument("x", "f32[4]"), Argument("y", "f32[4]")), (Vmap(),)),
        "trace",
        "TypeError",
        ("f(x) is called with (x, y)", "too many positional arguments"),
    ),
    Case(
        "axis out of range",
        one("def f(x): return x", "f32[4]", "1"),
        "trace",
        "ValueError",
        ("x is f32[4] here", "no axis 1", "0, -1, or None"),
    ),
    Case(
        "axis out of range inside",
        Request(DIST, "dist", XY, (Vmap("(0, None)"), Vmap("(1, 0)"))),
        "trace",
        "ValueError",
        ("vmap over j", "Inside vmap over i", "X is f32[2] here"),
    ),
    Case(
        "sizes differ",
        Request(DIST, "dist", XY, (Vmap("(0, 0)"),)),
        "trace",
        "ValueError",
        ("X has 3 examples (axis 0 of f32[3,2])", "Y has 4 (axis 0 of f32[4,2])", "For all pairs"),
    ),
    Case(
        "axis_size differs",
        one("def f(x): return x", axis_size="5"),
        "trace",
        "ValueError",
        ("axis_size=5 asks for 5, but x has 4", "axis 0 of f32[4]"),
        since=(0, 10),
    ),
    Case(
        "nothing mapped",
        one("def f(x): return x", in_axes="None"),
        "trace",
        "ValueError",
        ("every argument is None",),
    ),
    Case(
        "True as an axis",
        one("def f(x): return x", in_axes="True"),
        "trace",
        "TypeError",
        ("True is not an axis",),
    ),
    Case(
        "too few entries",
        Request(DIST, "dist", XY, (Vmap("(0,)"),)),
        "trace",
        "ValueError",
        ("It has 1 entry, but 2 positional arguments", "(X, Y)", "Add one for Y"),
    ),
    Case(
        "number mapped",
        one("def f(x): return x", "3"),
        "trace",
        "ValueError",
        ("x is the Python value 3", "set it to None"),
    ),
    Case(
        "keyword number mapped",
        Request("def f(*, s): return s", "f", (Argument("s", "3", keyword=True),), (Vmap(),)),
        "trace",
        "ValueError",
        ("every keyword argument over axis 0", "partial(f, s=...)"),
    ),
    Case(
        "not arrays",
        one("def f(x): return 'a'"),
        "trace",
        "TypeError",
        ("what it returned is not made of arrays",),
    ),
    Case(
        "python if",
        one("def f(x):\n    if x > 0:\n        return x\n    return -x"),
        "trace",
        "TracerBoolConversionError",
        ("`x > 0`", "jnp.where or lax.cond"),
        "x > 0",
    ),
    Case(
        "boolean mask",
        one("def f(x): return x[x > 0]", "f32[4,3]"),
        "trace",
        "NonConcreteBooleanIndexError",
        ("jnp.where(mask",),
        "x[x > 0]",
    ),
    Case(
        "numpy inside",
        one("def f(x): return np.sin(x)"),
        "trace",
        "TracerArrayConversionError",
        ("Use jnp instead of np",),
        "np.sin(x)",
    ),
    Case(
        "shapes that do not fit",
        Request(
            "def f(x, y):\n    return jnp.dot(x, y)",
            "f",
            (Argument("x", "f32[4,3]"), Argument("y", "f32[4,5]")),
            (Vmap(),),
        ),
        "trace",
        "TypeError",
        ("`jnp.dot(x, y)`: it sums over axis 0 of `x`, size 3", "`y` is f32[5] here because vmap over i"),
        "jnp.dot(x, y)",
    ),
    Case(
        "unbound axis name",
        one("def f(x): return lax.psum(x, 'i')"),
        "trace",
        "NameError",
        ("No level here has an axis_name",),
        "lax.psum(x, 'i')",
    ),
    Case(
        "out_axes None on a mapped output",
        Request(DIST, "dist", XY, (Vmap("(0, None)", out_axes="None"), Vmap("(None, 0)"))),
        "batch",
        "ValueError",
        (
            "vmap over i",
            "out_axes=None",
            "out f32[4]",
            "out is mapped by i because jnp.sqrt(",
            "because X is mapped over its axis 0",
            "0 to 1",
        ),
    ),
    Case(
        "out_axes out of range",
        Request(DIST, "dist", XY, (Vmap("(0, None)"), Vmap("(None, 0)", out_axes="1"))),
        "batch",
        "ValueError",
        ("vmap over j", "out_axes=1", "out is f32[] for one example", "only stand at 0, not at 1"),
    ),
    Case(
        "out_axes that is no axis",
        one("def f(x): return x", out_axes="'last'"),
        "trace",
        "TypeError",
        ("vmap over i: out_axes='last' must be an int, None, or a tree of them",),
    ),
    Case(
        "axis_size that is no whole number",
        one("def f(x): return x", axis_size="'four'"),
        "trace",
        "ValueError",
        ("vmap over i: axis_size='four' must be a whole number, not str",),
        since=(0, 10),
    ),
    Case(
        "axis_name that is no name",
        one("def f(x): return x", axis_name="['i']"),
        "trace",
        "TypeError",
        ("vmap over i: axis_name=['i'] must be a name",),
    ),
    Case(
        "NumPy array that JAX cannot hold, mapped",
        one("def f(x): return 1.0", "np.array(['a', 'b'])"),
        "trace",
        "TypeError",
        ("x is a NumPy array of <U1", "JAX cannot map it"),
    ),
    Case(
        "exit", one("import sys\nsys.exit(3)\n"), "parse", "SystemExit", ("ended the program",), "sys.exit(3)"
    ),
    Case(
        "print flood",
        one("def f(x):\n    while True:\n        print('more')\n"),
        "trace",
        "LimitError",
        ("printed more than 20,000 characters",),
        "print('more')",
    ),
    Case(
        "no batching rule",
        one("def f(x): return jax.pure_callback(np.sin, x, x)"),
        "batch",
        "NotImplementedError",
        ("runs for one example, but JAX cannot map it", "vmap_method"),
        "jax.pure_callback(np.sin, x, x)",
    ),
    Case(
        "callback that raises",
        one(
            "def host(x): raise ValueError('too cold')\n"
            "def f(x): return jax.pure_callback(host, x, x, vmap_method='sequential')"
        ),
        "run",
        "JaxRuntimeError",
        ("The run stage failed: ValueError: too cold",),
    ),
    Case(
        "value kept from an earlier call",
        one("seen = []\ndef f(x):\n    seen.append(x)\n    return x + seen[0]"),
        "lower",
        "UnexpectedTracerError",
        ("an earlier call of it left behind", "Return values"),
    ),
    Case(
        "fails when called again",
        one("calls = []\ndef f(x):\n    calls.append(1)\n    assert len(calls) < 2, 'used up'\n    return x"),
        "lower",
        "AssertionError",
        ("f went through its first call, but failed when it was called again", "used up"),
        "len(calls) < 2",
    ),
    Case(
        "exception that is no Exception",
        one("class Stop(BaseException): pass\ndef f(x): raise Stop('here')"),
        "trace",
        "Stop",
        ("here",),
        "raise Stop('here')",
    ),
    Case(
        "exception without a message",
        one("class Bad(Exception):\n    def __str__(self): raise RuntimeError\ndef f(x): raise Bad()"),
        "trace",
        "Bad",
        ("Bad",),
        "raise Bad()",
    ),
    Case(
        "raises in the code",
        one("def g():\n    raise RuntimeError('mine')\ng()"),
        "parse",
        "RuntimeError",
        ("mine",),
        "raise RuntimeError('mine')",
    ),
    Case(
        "pmap over more entries than devices",
        spread("f = jax.pmap(lambda x: x + 1)", "f32[16]"),
        "trace",
        "ValueError",
        ("axis 0 of x (size 16)", "16 devices", "8 virtual devices of one CPU", "to (8, 2)"),
    ),
    Case(
        "pmap inside the function over too many",
        spread("def f(x):\n    return jax.pmap(lambda y: y)(x)", "f32[9,2]"),
        "trace",
        "IndivisibleError",
        ("axis 0 of y (size 9)", "9 devices", "to (3, 3)"),
        "jax.pmap(lambda y: y)(x)",
    ),
    Case(
        "pmap in the code over too many",
        spread("y = jax.pmap(lambda x: x)(jnp.arange(11))\ndef f(x): return x", "f32[4]"),
        "parse",
        "IndivisibleError",
        ("11 devices", "8 virtual devices of one CPU", "pad and reshape"),
        "jax.pmap(lambda x: x)(jnp.arange(11))",
    ),
    Case(
        "pmap on fewer devices than entries",
        spread("f = jax.pmap(lambda x: x + 1, devices=jax.devices()[:3])", "f32[4]"),
        "trace",
        "IndivisibleError",
        ("it needs 4, but it was given 3",),
    ),
    Case(
        "pmap over axes of two sizes",
        spread("f = jax.pmap(lambda x, y: x + y['a'])", "f32[4]", "{'a': f32[5]}"),
        "trace",
        "IndivisibleError",
        ("axis 0 of x (4,) has size 4", "axis 0 of y['a'] (5,) has size 5"),
    ),
    Case(
        "pmap over an axis that is not there",
        spread("f = jax.pmap(lambda x, y: x, in_axes=(0, 1))", "f32[4]", "f32[4]"),
        "trace",
        "ValueError",
        ("y (4,) has no axis 1",),
    ),
    Case(
        "pmap whose name is another",
        spread("f = jax.pmap(lambda x: lax.psum(x, 'k'), axis_name='i')", "f32[4]"),
        "trace",
        "NameError",
        ("no level binds", "pmap: axis_name='i'"),
        "lax.psum(x, 'k')",
    ),
    Case(
        "shard_map of an axis that does not divide",
        spread(
            f"{MESH}f = jax.shard_map(lambda x: x, mesh=mesh, in_specs=P('i'), out_specs=P('i'))", "f32[6]"
        ),
        "trace",
        "ValueError",
        ("axis 0 of x (6,) has size 6", "mesh axis 'i' has 4 devices"),
    ),
    Case(
        "shard_map along an axis of no mesh",
        spread(
            f"{MESH}f = jax.shard_map(lambda x: lax.psum(x, 'k'), mesh=mesh, in_specs=P('i'), out_specs=P())",
            "f32[8]",
        ),
        "trace",
        "AssertionError",
        ("`lax.psum(x, 'k')` must go along an axis that is bound", "'i'"),
        "lax.psum(x, 'k')",
    ),
    Case(
        "shard_map over a mesh of explicit axes",
        spread(
            "mesh = jax.make_mesh((4,), ('i',))\nf = jax.shard_map(\n"
            "    lambda x: x, mesh=mesh, in_specs=jax.P('i'), out_specs=jax.P('i'))",
            "f32[8]",
        ),
        "trace",
        "ValueError",
        ("explicit axes", "Put x there with jax.device_put"),
    ),
    Case(
        "mesh larger than the host",
        spread("mesh = jax.make_mesh((9,), ('i',))\ndef f(x): return x", "f32[4]"),
        "parse",
        "ValueError",
        ("`jax.make_mesh((9,), ('i',))` failed", "8 virtual devices of one CPU"),
        "jax.make_mesh((9,), ('i',))",
    ),
)

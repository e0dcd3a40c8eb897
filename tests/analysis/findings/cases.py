"""Code that runs and is wrong, each beside what is right: a request, and its mended twin."""

from __future__ import annotations

from dataclasses import dataclass

from explainer.spec import Argument, Request, Vmap

Levels = tuple[Vmap | str, ...]


@dataclass(frozen=True)
class Case:
    """A bug of one kind, and what its finding must say; `mended` has none of that kind.

    `blamed`: texts of the code that the finding's spans cover, arguments that it names.
    """

    kind: str
    severity: str
    request: Request
    mended: Request
    says: tuple[str, ...] = ()
    blamed: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    fixed: bool = False  # a fix is offered


def stated(code: str, values: dict[str, str], *levels: Vmap | str, function: str = "f") -> Request:
    """Returns a function of named arguments under levels; a level's text alone is its in_axes."""
    arguments = tuple(Argument(name, value) for name, value in values.items())
    return Request(code, function, arguments, tuple(Vmap(n) if isinstance(n, str) else n for n in levels))


def script(code: str) -> Request:
    return Request(code)


DROPOUT = """\
def f(key, x):
    keep = jax.random.bernoulli(key, 0.5, x.shape)
    return keep * x
"""
KEYS = "jax.random.split(jax.random.key(0), 4)"
INIT = "X = jnp.ones((4, 3))\nkey = jax.random.key(0)\nkeys = jax.random.split(key, 4)\n"
NOISY = INIT + "def f(k, x):\n    return x + jax.random.normal({}, x.shape)\ny = jax.vmap(f)(keys, X)\n"
TWICE = "def f(key):\n    a, b = {}\n    return jax.random.normal(a) + jax.random.uniform(b)\n"
SQUARE = "def f(w, X, y):\n    pred = {}\n    return jnp.mean((pred - y) ** 2)\n"
DATA = {"w": "normal(f32[6,4,1])", "X": "normal(f32[5,4])", "y": "normal(f32[5])"}
WHOLE = "X = jnp.arange(6.).reshape(3, 2)\nZ = jax.vmap(lambda x: ({0} - X.mean(0)) / X.std(0))(X)\n"
HALVED = """\
def f(x):
    return lax.while_loop(lambda s: s[0] > {}, lambda s: (s[0] / 2, s[1] + 1), (x, 0))
"""
COUNTED = """\
def f(x):
    return lax.while_loop(lambda s: s[1] < 3, lambda s: (s[0] / 2, s[1] + 1), (x, 0))
"""
SAFE = "def g(x):\n    return jnp.where(x > 0, jnp.sqrt({}), 0.)\nf = jax.grad(g)\n"
PRINTING = """\
def f(flag, x):
    return lax.cond(flag, shout, jnp.negative, x)

def shout(x):
    {}
    return x
"""
DIST = "def f(x, y):\n    return jnp.sum((x - y) ** 2)\n"
LOOP = "x = jnp.ones(3)\ndouble = jax.jit(jax.vmap(lambda v: v * 2))\nfor _ in range(3):\n    {}\n"
RANDOM = INIT + "def f(x):\n    return x + {}\ny = jax.vmap(f)(X)\n"
CALLED = """\
def add_up(v):
    return np.cumsum(v, axis={}).reshape(v.shape).astype(np.float32)

def f(x):
    like = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return jax.pure_callback(add_up, like, x, vmap_method="expand_dims")
"""
PICK = "def f(i, x):\n    return x[i]\n"
ROWS = "normal(f32[3,2])"
REPEATED = "keys = {}\nz = jax.vmap(lambda k: jax.random.normal(k))(keys)\n"
LOGGED = """\
def f(x):
    y = jnp.where(x > 0, {}, 0.)
    return jnp.sum(y)

z = jax.vmap(jax.grad(f))(jnp.array([[1., 0.], [2., 3.]]))
"""
TOLD = """\
def f(x):
    return lax.cond(x > 0, lambda x: ({}, x)[1], lambda x: x, x)

y = jax.vmap(f)(jnp.array([-1., 1.]))
"""
STEPS = """\
def f(n):
    def body(n):
        jax.debug.print("n = {}", n)
        return n - 1
    return lax.while_loop(lambda n: n > 0, body, n)

"""
GENERATOR = "rng = np.random.default_rng(0)\ny = jax.vmap(lambda x: x + {})(jnp.ones(3))\n"
PARAMETERS = "def f(w, x):\n    return jnp.sum(w) * x\n"

CASES = (
    Case(
        "shared_key", "warning",
        stated(DROPOUT, {"key": "jax.random.PRNGKey(0)", "x": "ones(f32[4,5])"}, "(None, 0)"),
        stated(DROPOUT, {"key": KEYS, "x": "ones(f32[4,5])"}, "(0, 0)"),
        ("All 4 examples of vmap i", "key is not mapped"),
        ("jax.random.bernoulli(key, 0.5, x.shape)",), ("key",), fixed=True,
    ),
    Case(
        "shared_key", "warning", script(NOISY.format("key")), script(NOISY.format("k")),
        ("though k is mapped", "instead of key"), ("jax.random.normal(key, x.shape)",),
    ),
    Case(
        "shared_key", "warning",
        stated("f = lambda i: jax.random.normal(jax.random.key(0))", {"i": "arange(f32[3])"}, "0"),
        stated("f = lambda k: jax.random.normal(k)", {"k": KEYS}, "0"),
        ("made inside the function",),
    ),
    Case(
        "shared_key", "info",
        stated(DROPOUT, {"key": KEYS, "x": "ones(f32[4,3,5])"}, "(0, 0)", "(None, 0)"),
        stated(DROPOUT, {"key": "key[4,3]", "x": "ones(f32[4,3,5])"}, "(0, 0)", "(0, 0)"),
        ("All 3 examples of vmap j",),
    ),
    Case(
        "equal_keys", "warning",
        stated(DROPOUT, {"key": "jnp.stack([jax.random.PRNGKey(1)] * 4)", "x": "ones(f32[4,5])"}, "0"),
        stated(DROPOUT, {"key": KEYS, "x": "ones(f32[4,5])"}, "0"),
        ("key[0], key[1], key[2] and key[3] are equal",), (), ("key",),
    ),
    Case(
        "reused_key", "warning",
        stated(TWICE.format("key, key"), {"key": KEYS}, "0"),
        stated(TWICE.format("jax.random.split(key)"), {"key": KEYS}, "0"),
        ("key is used by jax.random.normal(a) and jax.random.uniform(b)",),
        ("jax.random.normal(a)", "jax.random.uniform(b)"),
    ),
    Case(
        "key_axis", "warning",
        stated("f = jax.random.normal", {"k": "jax.random.split(jax.random.PRNGKey(0), 2)"}, "1"),
        stated("f = jax.random.normal", {"k": "jax.random.split(jax.random.PRNGKey(0), 2)"}, "0"),
        ("maps axis 1, the words", "Map axis 0"), (), ("k",),
    ),
    Case(
        "accidental_broadcast", "warning",
        stated(SQUARE.format("X @ w"), DATA, "(0, None, None)"),
        stated(SQUARE.format("(X @ w)[:, 0]"), DATA, "(0, None, None)"),
        ("pred - y is f32[5,5]", "pred is [5,1] and y is [5]", "all 25 of them"), ("pred - y",), fixed=True,
    ),
    Case(
        "accidental_broadcast", "info",
        stated("def f(x, y):\n    x = x[:, None]\n    return jnp.sum(x - y)\n",
               {"x": "normal(f32[6,4])", "y": "normal(f32[6,4])"}, "0"),
        stated("def f(x, y):\n    return jnp.sum(x[:, None] - y)\n",
               {"x": "normal(f32[6,4])", "y": "normal(f32[6,4])"}, "0"),
        (), ("x - y",),
    ),
    Case(
        "whole_batch", "warning", script(WHOLE.format("X")), script("X = jnp.ones((3, 2))\n"
        "Z = jax.vmap(lambda x: x * 2)(X)\n"),
        ("never looks at x", "it uses X, all 3 examples"), (), ("x",),
    ),
    Case(
        "whole_batch", "info",
        stated("X = jnp.arange(6.).reshape(3, 2)\nf = lambda x: x - X.mean(0)", {"X": "X"}, "0"),
        stated("X = jnp.arange(6.).reshape(3, 2)\nf = lambda x, m: x - m", {"X": "X", "m": "X.mean(0)"},
               "(0, None)"),
        ("a change of example 0 of X moves the results of 3 examples",), ("X.mean(0)",), ("X",),
    ),
    Case(
        "unused_input", "warning",
        stated("f = lambda x, w: jnp.sum(w)", {"X": "normal(f32[4,3])", "w": "f32[3]"}, "(0, None)"),
        stated("f = lambda x, w: jnp.sum(w * x)", {"X": "normal(f32[4,3])", "w": "f32[3]"}, "(0, None)"),
        ("No result depends on X", "all 4 examples give the same"), (), ("X",),
    ),
    Case(
        "unused_input", "info",
        stated("f = lambda x, y: x - jnp.zeros_like(y)", {"X": "f32[4,3]", "Y": "f32[4,3]"}, "0"),
        stated("f = lambda x, y: x - y", {"X": "f32[4,3]", "Y": "f32[4,3]"}, "0"),
        ("No result depends on Y",), (), ("Y",),
    ),
    Case(
        "copied_output", "info",
        stated("f = lambda x, w: (x * w, w / 2)", {"X": "f32[4,3]", "w": "f32[3]"}, "(0, None)"),
        stated("f = lambda x, w: (x * w, w / 2)", {"X": "f32[4,3]", "w": "f32[3]"},
               Vmap("(0, None)", "(0, None)")),
        ("out[1] is the same for all 4 examples", "48 B instead of 12 B"), (), ("out",), fixed=True,
    ),
    Case(
        "both_branches", "info",
        stated("f = lambda p, x: lax.cond(p, jnp.sin, jnp.cos, x)",
               {"p": "jnp.array([True, False])", "x": "f32[2]"}, "0"),
        stated("f = lambda p, x: lax.cond(p, jnp.sin, jnp.cos, x)",
               {"p": "jnp.array(True)", "x": "f32[2]"}, "(None, 0)"),
        ("both branches (1 and 1 equations) run for all",), ("lax.cond(p, jnp.sin, jnp.cos, x)",), ("p",),
    ),
    Case(
        "effect_in_branch", "warning",
        stated(PRINTING.format("jax.debug.print('{x}', x=x)"),
               {"flag": "jnp.array([True, False])", "x": "f32[2]"}, "0"),
        stated(PRINTING.format("x = x + 1"), {"flag": "jnp.array([True, False])", "x": "f32[2]"}, "0"),
        ("stands in a branch of lax.cond(flag, shout, jnp.negative, x)",), ("jax.debug.print('{x}', x=x)",),
    ),
    Case(
        "slowest_example", "info",
        stated(HALVED.format("1"), {"x": "jnp.array([1., 5., 100.])"}, "0"),
        stated(COUNTED, {"x": "jnp.array([1., 5., 100.])"}, "0"),
        ("runs 7 times for all 3 examples", "(i=2)", "the quickest needs 0", "52% of the iterations"),
    ),
    Case(
        "nan_gradient", "warning",
        stated(SAFE.format("x"), {"x": "jnp.array([4., 0., 1.])"}, "0"),
        stated(SAFE.format("jnp.where(x > 0, x, 1.)"), {"x": "jnp.array([4., 0., 1.])"}, "0"),
        ("in the gradient of jnp.sqrt(x) at example i=1", "the side that is not chosen"), ("jnp.sqrt(x)",),
    ),
    Case(
        "nan", "warning",
        stated("f = lambda x: x / jnp.sum(x)", {"x": "jnp.array([[1., 2.], [0., 0.]])"}, "0"),
        stated("f = lambda x: x / (jnp.sum(x) + 1)", {"x": "jnp.array([[1., 2.], [0., 0.]])"}, "0"),
        ("made by x / jnp.sum(x) at example i=1",), ("x / jnp.sum(x)",),
    ),
    Case(
        "index_out_of_range", "warning",
        stated(PICK, {"i": "jnp.array([0, 1, 5])", "x": ROWS}, "(0, None)"),
        stated(PICK, {"i": "jnp.array([0, 1, -1])", "x": ROWS}, "(0, None)"),
        ("meets index 5 on an axis of 3 entries", "reads entry 2"), ("x[i]",),
    ),
    Case(
        "swapped_levels", "info",
        stated(DIST, {"A": "f32[3,2]", "B": "f32[4,2]"}, "(None, 0)", "(0, None)"),
        stated(DIST, {"A": "f32[3,2]", "B": "f32[4,2]"}, "(0, None)", "(None, 0)"),
        ("out[i, j] = f(A[j], B[i])",), (), ("A", "B"), fixed=True,
    ),
    Case(
        "negative_axes", "info",
        stated("f = lambda x: x * 2", {"X": "f32[2,3,5]"}, Vmap("-1"), Vmap("-1")),
        stated("f = lambda x: x * 2", {"X": "f32[2,3,5]"}, Vmap("2"), Vmap("1")),
        ("axis 2 of the X f32[2,3,5] that vmap i is handed and axis 1 of the X f32[2,3]",),
    ),
    Case(
        "moved_axis", "info",
        stated("f = lambda x: x * 2", {"X": "f32[3,5]"}, "1"),
        stated("f = lambda x: x * 2", {"X": "f32[3,5]"}, Vmap("1", "1")),
        ("X f32[3,5]", "out f32[5,3]"), fixed=True,
    ),
    Case(
        "ambiguous_axes", "info",
        stated("f = lambda x, w: x @ w", {"X": "normal(f32[3,3])", "w": "normal(f32[3,2])"}, "(0, None)"),
        stated("f = lambda x, w: x @ w", {"X": "normal(f32[5,3])", "w": "normal(f32[3,2])"}, "(0, None)"),
        ("X [7,3], axis 0 gives [7,2] and axis 1 is an error",), (), ("X",),
    ),
    Case(
        "mapped_parameters", "info",
        stated(PARAMETERS, {"w": "normal(f32[5,3])", "x": "normal(f32[5,4])"}, "0"),
        stated(PARAMETERS, {"w": "normal(f32[5,3])", "x": "normal(f32[5,4])"}, "(None, 0)"),
        ("in_axes=0 maps w, too",), (), ("w",), fixed=True,
    ),
    Case(
        "ambiguous_axes", "info",
        stated("f = lambda x, w: x @ w", {"X": "ones(f32[3,3])", "w": "normal(f32[3,2])"}, "(0, None)"),
        stated("f = lambda x, w: x @ w", {"X": "ones(f32[5,3])", "w": "normal(f32[3,2])"}, "(0, None)"),
        ("the same only because the data are the same everywhere",), (), ("X",),
    ),
    Case(
        "whole_batch", "info",
        script("x = jnp.arange(5.)\ny = 2 * x\nz = jax.vmap(lambda v: jnp.mean((v - y) ** 2))(x)\n"),
        script("x = jnp.arange(5.)\ny = 2 * x\nz = jax.vmap(lambda v, u: jnp.mean((v - u) ** 2))(x, y)\n"),
        ("meets all 5 entries of y",), ("v - y",),
    ),
    Case(
        "pmap_out_axes_none", "warning",
        script("z = jax.pmap(lambda v: v * 2, out_axes=None)(jnp.arange(2.))\n"),
        script("z = jax.pmap(lambda v: v * 2)(jnp.arange(2.))\n"),
        ("differs between the 2 devices",),
    ),
    Case(
        "compiled_again", "warning",
        script(LOOP.format("y = jax.jit(jax.vmap(lambda v: v * 2))(x)")),
        script(LOOP.format("y = double(x)")),
        ("XLA compiled it 3 times",), ("jax.jit(jax.vmap(lambda v: v * 2))(x)",),
    ),
    Case(
        "python_random", "warning", script(RANDOM.format("np.random.normal()")), script(RANDOM.format("1")),
        ("np.random.normal() runs in Python, once for all",), ("np.random.normal()",),
    ),
    Case(
        "python_random", "warning", script(GENERATOR.format("rng.normal()")), script(GENERATOR.format("1")),
        ("rng.normal() runs in Python, once for all",), ("rng.normal()",),
    ),
    Case(
        "equal_keys", "warning",
        script(REPEATED.format("jnp.stack([jax.random.PRNGKey(0)] * 3)")),
        script(REPEATED.format("jax.random.split(jax.random.PRNGKey(0), 3)")),
        ("k[0], k[1] and k[2] are equal",), (), ("k",),
    ),
    Case(
        "shared_key", "warning",
        script(INIT + "def f(x):\n    return x + jax.random.normal(key)\ny = jax.vmap(f)(X)\n"),
        script(INIT + "def f(x, k):\n    return x + jax.random.normal(k)\ny = jax.vmap(f)(X, keys)\n"),
        ("since key is not mapped there",), ("jax.random.normal(key)",), fixed=True,
    ),
    Case(
        "nan_gradient", "warning",
        script(LOGGED.format("jnp.log(x)")), script(LOGGED.format("jnp.log(jnp.where(x > 0, x, 1.))")),
        ("in the gradient of jnp.log(x)",), ("jnp.log(x)",), fixed=True,
    ),
    Case(
        "effect_in_branch", "warning",
        script(TOLD.format("jax.debug.print('{}', x)")), script(TOLD.format("print('x')")),
        ("stands in a branch",), ("jax.debug.print('{}', x)",),
    ),
    Case(
        "slowest_example", "info",
        script(STEPS + "y = jax.vmap(f)(jnp.array([1, 3]))\n"),
        script(STEPS + "y = lax.map(f, jnp.array([1, 3]))\n"),
        ("the quickest needs 1", "in the loop acts in every iteration for all examples"),
        ('jax.debug.print("n = {}", n)',), fixed=True,
    ),
    Case(
        "unlike_a_loop", "error",
        stated(CALLED.format("None"), {"x": "normal(f32[4,3])"}, "0"),
        stated(CALLED.format("-1"), {"x": "normal(f32[4,3])"}, "0"),
        ("hands all examples at once", "'expand_dims'"),
    ),
)  # fmt: skip

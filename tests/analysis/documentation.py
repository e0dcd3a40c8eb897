"""The public examples of jax.vmap as scripts: those of its docstring, and those of JAX's pages about it.

Written afresh after https://docs.jax.dev/en/latest/_autosummary/jax.vmap.html (DOCSTRING),
https://docs.jax.dev/en/latest/automatic-vectorization.html (GUIDE) and the pages named in OTHERS.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A script, what the documentation says it prints, and the levels there are: "i vv[4]", "0>j vv[3]"."""

    name: str
    code: str
    printed: str
    levels: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"import jax\nimport jax.numpy as jnp\nfrom jax import lax, vmap\n\n{self.code}"


PRODUCTS = """\
vv = lambda x, y: jnp.vdot(x, y)
mv = vmap(vv, (0, None), 0)
a, b, c = 2, 3, 4
"""

CONVOLVE = """\
x, w = jnp.arange(5), jnp.array([2., 3., 4.])
def convolve(x, w):
    return jnp.array([jnp.dot(x[i - 1:i + 2], w) for i in range(1, len(x) - 1)])
xs, ws = jnp.stack([x, x]), jnp.stack([w, w])
"""

CONVOLVED = "[[11. 20. 29.]\n [11. 20. 29.]]\n"

DOCSTRING = (
    Example(
        "a matrix times a vector",
        f"{PRODUCTS}A, v = jnp.arange(6.).reshape(b, a), jnp.array([1., 2.])\nprint(mv(A, v), A @ v)\n",
        "[ 2.  8. 14.] [ 2.  8. 14.]\n",
        ("i <lambda>[3]",),
    ),
    Example(
        "a matrix times a matrix",
        f"""{PRODUCTS}mm = vmap(mv, (None, 1), 1)
A, B = jnp.arange(6.).reshape(b, a), jnp.arange(8.).reshape(a, c)
print(mm(A, B).shape, jnp.array_equal(mm(A, B), A @ B))
""",
        "(3, 4) True\n",
        ("i <lambda>[4]", "0>j <lambda>[3]", "i <lambda>[4]", "2>j <lambda>[3]"),
    ),
    Example(
        "row by row, and row by column",
        f"""{PRODUCTS}mv1, mv2 = vmap(vv, (0, 0), 0), vmap(vv, (0, 1), 0)
A, B = jnp.arange(6.).reshape(b, a), jnp.ones((b, a))
print(mv1(A, B), mv2(A, B.T))
""",
        "[1. 5. 9.] [1. 5. 9.]\n",
        ("i <lambda>[3]", "i <lambda>[3]"),
    ),
    Example(
        "a batch of those",
        f"""{PRODUCTS}mm2 = vmap(vmap(vv, (0, 1), 0), (1, 1), 0)
A, B = jnp.arange(24.).reshape(b, c, a), jnp.arange(24.).reshape(a, c, b)
print(mm2(A, B).shape, jnp.allclose(mm2(A, B), jnp.einsum('bca,acb->cb', A, B)))
""",
        "(4, 3) True\n",
        ("i <lambda>[4]", "0>j <lambda>[3]", "i <lambda>[4]", "2>j <lambda>[3]"),
    ),
    Example(
        "containers",
        """\
A, B, C, D, K = 2, 3, 4, 5, 6
def foo(tree):
    x, (y, z) = tree
    return jnp.dot(x, jnp.dot(y, z))
print(foo((jnp.ones((A, B)), (jnp.ones((B, C)), jnp.ones((C, D))))))
tree = jnp.ones((K, A, B)), (jnp.ones((B, K, C)), jnp.ones((C, D, K)))
print(vmap(foo, in_axes=((0, (1, 2)),))(tree).shape)
""",
        "[[12. 12. 12. 12. 12.]\n [12. 12. 12. 12. 12.]]\n(6, 2, 5)\n",
        ("i foo[6]",),
    ),
    Example(
        "a dictionary",
        """\
def foo(dct, x):
    return dct['a'] + dct['b'] + x
print(vmap(foo, in_axes=({'a': None, 'b': 0}, None))({'a': 0., 'b': jnp.arange(5.)}, 1.))
""",
        "[1. 2. 3. 4. 5.]\n",
        ("i foo[5]",),
    ),
    Example(
        "a result that is not mapped",
        """\
f = lambda x, y: (x + y, y * 2.)
print(vmap(f, in_axes=(0, None), out_axes=(0, None))(jnp.arange(2.), 4.))
""",
        "(Array([4., 5.], dtype=float32), 8.0)\n",
        ("i <lambda>[2]",),
    ),
    Example(
        "one that is broadcast",
        "print(vmap(lambda x, y: (x + y, y * 2.), in_axes=(0, None), out_axes=0)(jnp.arange(2.), 4.))\n",
        "(Array([4., 5.], dtype=float32), Array([8., 8.], dtype=float32, weak_type=True))\n",
        ("i <lambda>[2]",),
    ),
    Example(
        "a collective",
        "print(vmap(lambda x: lax.psum(x, 'i'), axis_name='i')(jnp.arange(12.).reshape(3, 4)))\n",
        "[[12. 15. 18. 21.]\n [12. 15. 18. 21.]\n [12. 15. 18. 21.]]\n",
        ("i <lambda>[3]",),
    ),
)

GUIDE = (
    Example("no vmap yet", f"{CONVOLVE}print(convolve(x, w))\n", "[11. 20. 29.]\n", ()),
    Example(
        "a batch of convolutions", f"{CONVOLVE}print(vmap(convolve)(xs, ws))\n", CONVOLVED, ("i convolve[2]",)
    ),
    Example(
        "batched along the second axis",
        f"{CONVOLVE}print(vmap(convolve, in_axes=1, out_axes=1)(xs.T, ws.T).T)\n",
        CONVOLVED,
        ("i convolve[2]",),
    ),
    Example(
        "one kernel for all",
        f"{CONVOLVE}print(vmap(convolve, in_axes=[0, None])(xs, w))\n",
        CONVOLVED,
        ("i convolve[2]",),
    ),
    Example(
        "together with jit",
        f"{CONVOLVE}print(jax.jit(vmap(convolve))(xs, ws))\n",
        CONVOLVED,
        ("i convolve[2]",),
    ),
)

OTHERS = (
    # https://docs.jax.dev/en/latest/notebooks/thinking_in_jax.html
    Example(
        "a matrix applied to a batch",
        """\
mat = jax.random.normal(jax.random.key(1), (5, 3))
xs = jax.random.normal(jax.random.key(2), (4, 3))
def apply_matrix(x):
    return jnp.dot(mat, x)
@jax.jit
def apply_to_all(xs):
    return vmap(apply_matrix)(xs)
print(jnp.allclose(apply_to_all(xs), xs @ mat.T, atol=1e-4, rtol=1e-4))
""",
        "True\n",
        ("i apply_matrix[4]",),
    ),
    # https://docs.jax.dev/en/latest/jacobian-vector-products.html
    Example(
        "a jacobian from its columns",
        """\
f = lambda w: jnp.sin(w) * w[0]
w = jnp.array([1., 2.])
push = lambda v: jax.jvp(f, (w,), (v,))[1]
print(jnp.allclose(vmap(push, out_axes=1)(jnp.eye(2)), jax.jacfwd(f)(w)))
""",
        "True\n",
        ("i <lambda>[2]", "i _jvp[2]"),
    ),
    # https://docs.jax.dev/en/latest/advanced-autodiff.html
    Example(
        "gradients per example",
        """\
def loss(params, x, y):
    return (jnp.dot(params, x) - y) ** 2
gradients = jax.jit(vmap(jax.grad(loss), in_axes=(None, 0, 0)))
print(gradients(jnp.array([1., 2.]), jnp.array([[1., 0.], [0., 1.]]), jnp.array([0., 0.])))
""",
        "[[2. 0.]\n [0. 4.]]\n",
        ("i loss[2]",),
    ),
    # https://docs.jax.dev/en/latest/random-numbers.html
    Example(
        "numbers from keys",
        """\
keys = jax.random.split(jax.random.key(42), 3)
together = vmap(lambda key: jax.random.normal(key, ()))(keys)
print(jnp.array_equal(together, jnp.stack([jax.random.normal(key, ()) for key in keys])))
""",
        "True\n",
        ("i <lambda>[3]",),
    ),
    # https://docs.jax.dev/en/latest/custom_pytrees.html
    Example(
        "a class of one's own",
        """\
class Special:
    def __init__(self, x, y):
        self.x, self.y = x, y
jax.tree_util.register_pytree_node(Special, lambda s: ((s.x, s.y), None), lambda _, c: Special(*c))
out = vmap(lambda s: Special(s.x * 2, s.y), in_axes=(Special(0, None),))(Special(jnp.arange(3.), 1.))
print(out.x, out.y)
""",
        "[0. 2. 4.] [1. 1. 1.]\n",
        ("i <lambda>[3]",),
    ),
)

EXAMPLES = (*DOCSTRING, *GUIDE, *OTHERS)

"""Attacks on the compilers: small texts that make long programs."""

from __future__ import annotations

from tests.attacks.attack import HOWEVER, Attack

SLOW = "deadline or memory or answer_size or answer or RecursionError or JaxRuntimeError or WorkerCrashed"
DEADLINE = "deadline or memory"

COMPILING = (
    Attack(
        "unrolls_a_loop_of_python",
        "def f(x):\n    for n in range(10 ** 5): x = jnp.sin(x) * n\n    return x\nprint(jax.jit(f)(1.0))",
        bare=DEADLINE,
    ),
    Attack(
        "unrolls_a_scan",
        "print(lax.scan(lambda c, _: (jnp.sin(c) * 2, c), 1.0, None, length=50000, unroll=50000)[0])",
        bare=DEADLINE,
    ),
    Attack(
        "doubles_an_expression",
        "def f(x):\n    for _ in range(60): x = jnp.concatenate([x, x])\n    return x\nprint(jax.eval_shape(f, jax.ShapeDtypeStruct((1,), 'float32')))\nprint(jax.jit(f)(jnp.ones(1)))",
        bare="deadline or memory or OverflowError or answer or ValueError or TypeError or JaxRuntimeError or WorkerCrashed",
        why=HOWEVER,
    ),
    Attack(
        "nests_calls_of_vmap",
        "f = jnp.sin\nfor _ in range(400): f = jax.vmap(f)\nprint(f(jnp.ones((1,) * 400)))",
        bare="answer or ValueError or RecursionError or deadline or JaxRuntimeError or WorkerCrashed or BadAnswer",
        why="JAX may refuse so many axes, or give up, and an answer has at most 64 of them: each is well.",
    ),
    Attack(
        "differentiates_again_and_again",
        "f = lambda x: jnp.sin(x) * jnp.exp(x) / (1 + x * x)\nfor _ in range(25): f = jax.grad(f)\nprint(f(1.0))",
        bare=DEADLINE,
    ),
    Attack(
        "nests_branches",
        "def f(x, n):\n    return x if n == 0 else lax.cond(x > n, lambda x: f(x, n - 1), lambda x: f(-x, n - 1), x)\nprint(jax.jit(f, static_argnums=1)(1.0, 16))",
        bare=DEADLINE,
    ),
    Attack(
        "sums_over_forty_indices",
        "print(jnp.einsum(*sum(([jnp.ones((2, 2)), [n % 13, (7 * n + 1) % 13]] for n in range(40)), []), [0], optimize='optimal'))",
        bare="deadline or answer or ValueError or memory or JaxRuntimeError",
        why=HOWEVER,
    ),
    Attack(
        "compiles_without_end",
        "n = 0\nwhile True:\n    n += 1\n    jax.jit(lambda x: jnp.sin(x) * n)(jnp.ones(n))",
        bare=DEADLINE,
    ),
    Attack(
        "makes_an_explanation_that_is_too_large",
        "def f(x):\n    for n in range(3000): x = x + n\n    return x\nfor _ in range(40): jax.vmap(f)(jnp.ones(3))",
        bare=SLOW,
        why=HOWEVER,
    ),
    Attack(
        "names_things_at_great_length",
        "exec('def ' + 'f' * 20000 + '(x): return x * 2\\nfor _ in range(50): jax.vmap(' + 'f' * 20000 + ')(jnp.ones(2))')",
        bare="answer",
        why="Long names must be shown, or cut, but not hurt.",
    ),
    Attack(
        "multiplies_matrices_of_many_axes",
        "x = jnp.ones((2,) * 24)\nprint(jnp.transpose(x, tuple(reversed(range(24)))).sum())",
        bare="answer or memory or JaxRuntimeError or deadline",
        why="XLA has no limit to axes; NumPy has.",
    ),
)

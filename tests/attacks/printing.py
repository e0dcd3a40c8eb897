"""Attacks by what is printed: too much of it, or text that is more than text."""

from __future__ import annotations

from tests.attacks.attack import HOWEVER, Attack

MUST_SHOW = "The text must reach its reader as text: nothing of it may become part of a page."
MARKUP = "</script><script>window.pwned=1</script><img src=x onerror=pwned()> [a](javascript:1) $\\\\x$ `x`"

PRINTING = (
    Attack("prints_without_end", "while True: print('flood')", bare="output or LimitError"),
    Attack("writes_to_its_output_without_end", "while True: os.write(1, b'x' * 4096)", bare="output"),
    Attack("writes_to_its_error_output_without_end", "while True: os.write(2, b'x' * 4096)", bare="output"),
    Attack("writes_a_hundred_megabytes_at_once", "os.write(1, bytes(100 << 20))", bare="output"),
    Attack("prints_a_hundred_megabytes_at_once", "print('x' * (100 << 20))", bare="output"),
    Attack(
        "prints_from_xla_without_end",
        "jax.jit(lambda: lax.fori_loop(0, 10 ** 7, lambda i, x: (jax.debug.print('{}', i), x)[1], 0))()\njax.effects_barrier()",
        bare="output or deadline or JaxRuntimeError or LimitError or answer",
        why=HOWEVER,
    ),
    Attack("prints_no_text", "os.write(1, bytes(range(256)) * 50)", bare="answer", why=MUST_SHOW),
    Attack("prints_half_characters", "print('\\ud800' * 50, '\\udfff')", bare="answer", why=MUST_SHOW),
    Attack(
        "prints_signs_for_a_terminal",
        "print('\\x1b]0;title\\x07\\x1b[2J\\x1b[31m', '\\x9b31m', '\\r' * 9, '\\b' * 9)",
        bare="answer",
        why=MUST_SHOW,
    ),
    Attack(
        "prints_text_that_runs_backwards",
        "print('\\u202e\\u2066 evil \\u2069' * 99, 'z' + '\\u0301' * 5000)",
        bare="answer",
        why=MUST_SHOW,
    ),
    Attack("prints_markup", f"print({MARKUP!r})", bare="answer", why=MUST_SHOW),
    Attack("fails_with_markup", f"raise ValueError({MARKUP!r})", bare="ValueError", why=MUST_SHOW),
    Attack(
        "names_its_error_with_markup",
        f"raise type({MARKUP!r}, (Exception,), {{}})({MARKUP!r})",
        bare=MARKUP,
        why=MUST_SHOW,
    ),
    Attack(
        "names_its_function_with_markup",
        f"def f(x): return {{{MARKUP!r}: x}}\nf.__name__ = f.__qualname__ = {MARKUP!r}\nprint(jax.vmap(f)({{{MARKUP!r}: jnp.ones(3)}}))",
        bare="answer",
        why=MUST_SHOW,
    ),
    Attack(
        "names_its_axis_with_markup",
        f"jax.vmap(lambda x: lax.psum(x, {MARKUP!r}), axis_name={MARKUP!r})(jnp.ones(3))",
        bare="answer",
        why=MUST_SHOW,
    ),
    Attack(
        "closes_its_output",
        "os.close(1)\nos.close(2)\nprint('x')",
        bare="answer",
        why="Descriptors are its own to close; its answer comes by another.",
    ),
)

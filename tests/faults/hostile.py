"""Hostile texts and bytes, as strategies: what people paste, scripts send, a broken worker writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import strategies as st

from explainer.lessons import LESSONS
from explainer.spec import Argument, Request, Vmap

LONG = 63 * 1024  # just below what one request may hold
TEXTS = (
    *("", " ", "\n", "\t", "\\", "'", '"', "'''", "#", ";", "(", ")", "[" * 300, "(" * 150 + ")" * 150),
    *(
        "\0",
        "x\0y",
        "\ud800",
        "\udfff x",
        "\N{RIGHT-TO-LEFT OVERRIDE}x",
        "\ufeff",
        "\N{ZERO WIDTH SPACE}x",
        "\r",
    ),
    *("é", "ﬁ", "µ", "变量", "ⅷ", "𝔵", "🙂", "x̄", "\N{LATIN SMALL LETTER LONG S}um", "a" * 2000),
    *(
        "nan",
        "inf",
        "-inf",
        "1e999",
        "float('nan')",
        "jnp.nan",
        "jnp.full(3, jnp.inf)",
        "1" * 5000,
        "-" * 900 + "1",
    ),
    *("0", "-1", "1", "7", "None", "True", "0.5", "10**400", "2**63", "-2**63", "2**31", "1j", "..."),
    *(
        "(0,)",
        "(0, None)",
        "(None, None)",
        "[0, 0]",
        "{'x': 0}",
        "{0: 0}",
        "((0,), {'a': (None, [1])})",
        "(0, (1,",
    ),
    *(
        "(0, 'x')",
        "lambda: 0",
        "x",
        "print",
        "jnp",
        "0 if True else 1",
        "(0,) * 10**9",
        "[" * 90 + "0" + "]" * 90,
    ),
    *("f32[3]", "f32[0]", "f32[]", "f32[-1]", "f32[3", "f99[2]", "f32[9999999999]", "f32[1,2,3,4,5,6,7,8,9]"),
    *(
        "bool[2]",
        "key[3]",
        "i4[3]",
        "{'a': f32[2], 'b': [f32[3], 1]}",
        "jnp.zeros((2, 0))",
        "object()",
        "[]",
        "{}",
    ),
    *(
        "jnp.arange(10**12)",
        "np.array(['a'])",
        "np.array([1, 'b'], object)",
        "import os",
        "1/0",
        "__import__('os')",
    ),
    *(
        "<script>alert(1)</script>",
        "%s{0}{x}",
        "$(ls)",
        "../../etc",
        "&lt;",
        "--",
        "a b",
        "f",
        "class",
        "def",
    ),
)
CODES = (
    "def f(x): return x",
    "def f(x, y): return x @ y",
    "def f(*a, **k): return a, k",
    "f = lambda x: {'a': x, 'é': (x, [x])}",
    "def f(x):\n    raise ValueError('\\ud800\\0' + chr(8238))",
    "def f(x): return x * float('nan') + 10**400",
    "def f(x): return 2**70",
    "def f(x): return x.reshape(-1, 0)",
    "class f:\n    def __init__(self, x): self.x = x",
    "def f(x): return 'text'",
    "def f(x): return f(x)",
    "f = 3",
    "print('\\ud800', '\\0', chr(0x202e), '<b>')",
    "y = jax.vmap(lambda x: x * jnp.nan)(jnp.arange(3.))\nprint(y)",
    "jax.vmap(lambda x, y: x + y)(jnp.ones((3, 2)), jnp.ones((4, 2)))",
    "raise SystemExit('\\udc00')",
    "x = " + "(" * 80 + "1" + ")" * 80,
    "x = " + "-" * 3000 + "1",
    "x = [" * 60 + "]" * 60,
    "#" * LONG,
    "x = '" + "é" * (LONG // 2 - 10) + "'",
    "def f(x): return " + " + ".join(["x"] * 3000),
    "if 1:\n" + "".join(" " * n + "if 1:\n" for n in range(1, 99)) + " " * 99 + "x = 1",
)

texts = st.sampled_from(TEXTS) | st.text(max_size=20)
maybe = st.none() | texts
levels = st.builds(
    Vmap, in_axes=texts, out_axes=texts, axis_name=maybe, axis_size=maybe, spmd_axis_name=maybe
)
arguments = st.builds(Argument, name=texts, value=texts, keyword=st.booleans())
anything = st.builds(
    Request,
    code=st.sampled_from(CODES) | texts,
    function=st.just("f") | texts,
    arguments=st.lists(arguments, max_size=3).map(tuple),
    levels=st.lists(levels, max_size=3).map(tuple),
    wanted=texts,
)
"""Requests of which no part makes sense."""


def spoil(plain: Any, place: int, value: Any) -> None:
    """Puts a value somewhere into nested lists and dicts: of all places the one of that number."""
    places = list(_places(plain))
    owner, key = places[place % len(places)]
    owner[key] = value


def _places(plain: Any) -> Iterator[tuple[Any, Any]]:
    inside = (
        plain.items()
        if isinstance(plain, dict)
        else enumerate(plain)
        if isinstance(plain, (list, tuple))
        else ()
    )
    for key, value in inside:
        if not isinstance(plain, tuple):
            yield plain, key
        yield from _places(value)


def _spoiled(lesson: Request, where: int, text: str) -> Request:
    """Returns a good request with one of its texts replaced."""
    plain = msgspec.to_builtins(lesson)
    texts = [place for place in _places(plain) if isinstance(place[0][place[1]], str)]
    owner, key = texts[where % len(texts)]
    owner[key] = text
    return msgspec.convert(plain, Request)


spoiled = st.builds(
    _spoiled,
    st.sampled_from([lesson.request for lesson in LESSONS]),
    st.integers(0, 99),
    texts | st.sampled_from(CODES),
)
"""Lessons with one wrong word."""

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip

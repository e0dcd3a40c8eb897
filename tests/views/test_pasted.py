"""Pasted tracebacks, raised for real by the installed JAX, filtered and not, and what is read in them."""

from __future__ import annotations

import linecache
import re
import traceback

import jax
import pytest

from explainer import explain
from explainer.views import pasted
from explainer.views.pasted import Frame, Pasted

HEAD = "import jax, jax.numpy as jnp, numpy as np\n"

CASES = {
    "unequal_sizes": (
        "def dist(a, b):\n    return jnp.sum((a - b) ** 2)\n"
        "X, Y = jnp.ones((3, 2)), jnp.ones((4, 2))\nprint(jax.vmap(dist)(X, Y))\n",
        "a f32[3,2] has 3 examples (axis 0); b f32[4,2] has 4 examples (axis 0)",
    ),
    "scalar_mapped": (
        "def scale(x, s):\n    return x * s\njax.vmap(scale)(jnp.ones(3), 2.0)\n",
        "axis 0 of an argument that has no axes",
    ),
    "no_such_axis": (
        "def double(x):\n    return 2 * x\nX = jnp.ones(3)\njax.vmap(double, in_axes=1)(X)\n",
        "axis 1 of an argument of shape (3,)",
    ),
    "spec_length": (
        "def f(a, b, c):\n    return a\njax.vmap(f, in_axes=(0, None))(jnp.ones(3), 1.0, 2.0)\n",
        "in_axes has 2 entries, but the mapped function is called with 3 positional arguments",
    ),
    "spec_not_wrapped": (
        "def f(p):\n    return p['a']\njax.vmap(f, in_axes={'a': 0})({'a': jnp.ones(3)})\n",
        "({'a': 0},)",
    ),
    "spec_structure": (
        "def f(p):\n    return p['a']\njax.vmap(f, in_axes=({'a': 0},))({'a': jnp.ones(3), 'b': 1.0})\n",
        "in_axes[0] is not shaped like the argument",
    ),
    "nothing_mapped": ("jax.vmap(jnp.sin, in_axes=None)(jnp.ones(3))\n", "All of in_axes is None"),
    "in_axes_value": ("jax.vmap(jnp.sin, in_axes=(True,))(jnp.ones(3))\n", "in_axes is (True,)"),
    "out_axes_none": (
        "def f(x):\n    return x, 2 * x\njax.vmap(f, out_axes=(0, None))(jnp.ones(3))\n",
        "out_axes[1] is None, but that output depends on a mapped argument",
    ),
    "out_axes_structure": (
        "def f(x):\n    return x, x\njax.vmap(f, out_axes=(0, 0, 0))(jnp.ones(3))\n",
        "out_axes is not shaped like what the function returns",
    ),
    "axis_out_of_range": (
        "jax.vmap(jnp.sin, out_axes=2)(jnp.ones(3))\n",
        "axis 2 of one with 1 axes",
    ),
    "python_condition": (
        "def relu(x):\n    if x > 0:\n        return x\n    return 0.0\njax.vmap(relu)(jnp.ones(3))\n",
        "`if x > 0:`, line 3 in relu: Python asks a mapped value whether it is true",
    ),
    "python_index": (
        "names = [1, 2]\ndef f(n):\n    return names[n]\njax.vmap(f)(jnp.arange(2))\n",
        "`return names[n]`, line 4 in f: Python needs a whole number",
    ),
    "python_number": (
        "def f(x):\n    return int(x)\njax.vmap(f)(jnp.ones(3))\n",
        "line 3 in f: Python needs the",
    ),
    "numpy_on_tracer": (
        "def f(x):\n    return np.sin(x)\njax.vmap(f)(jnp.ones(3))\n",
        "Use jnp instead of np",
    ),
    "boolean_mask": (
        "def f(x):\n    return x[x > 0].sum()\njax.vmap(f)(jnp.ones((3, 4)))\n",
        "`return x[x > 0].sum()`, line 3 in f: A boolean mask",
    ),
    "static_shape": (
        "def f(x, n):\n    return jnp.sum(x, axis=n)\njax.vmap(f)(jnp.ones((3, 4)), jnp.arange(3))\n",
        "`return jnp.sum(x, axis=n)`, line 3 in f: A shape, an axis or a size",
    ),
    "operand_shapes": (
        "def f(W, x):\n    return W @ x\njax.vmap(f)(jnp.ones((3, 2, 5)), jnp.ones((3, 2)))\n",
        "sizes (5,) and (2,)",
    ),
    "unbound_axis_name": (
        "def f(x):\n    return jax.lax.psum(x, 'rows')\njax.vmap(f)(jnp.ones(3))\n",
        "axis_name='rows'",
    ),
    "not_an_array": (
        "def f(x, act):\n    return x\njax.vmap(f)(jnp.ones(3), 'relu')\n",
        "is 'relu', of type 'str', and no array",
    ),
    "output_not_array": ("def f(x):\n    return 'a'\njax.vmap(f)(jnp.ones(3))\n", "no array and no number"),
    "unknown_parameter": ("jax.vmap(jnp.sin, axis=0)(jnp.ones(3))\n", "no parameter axis"),
    "leaked_tracer": (
        "kept = []\ndef f(x):\n    kept.append(x)\n    return x\njax.vmap(f)(jnp.ones(3))\nkept[0] + 1\n",
        "was kept",
    ),
    "vmap_method": (
        "def f(x):\n    return jax.pure_callback(np.sin, x, x)\njax.vmap(f)(jnp.ones(3))\n",
        "vmap_method='sequential'",
    ),
}
MODES = ("auto", "off", "remove_frames", "tracebackhide", "quiet_remove_frames")


def raised(code: str, mode: str) -> str:
    """Runs a script that fails and returns the traceback that Python prints for it."""
    linecache.cache["train.py"] = (len(code), None, code.splitlines(keepends=True), "train.py")
    before = jax.config.values["jax_traceback_filtering"]
    jax.config.update("jax_traceback_filtering", mode)
    try:
        exec(compile(code, "train.py", "exec"), {"__name__": "__main__"})
    except Exception as error:  # noqa: BLE001  (whatever JAX raises: that is the case)
        return "".join(traceback.format_exception(error))
    finally:
        jax.config.update("jax_traceback_filtering", before)
        del linecache.cache["train.py"]
    raise AssertionError("the script did not fail")


def read(text: str) -> Pasted:
    found = pasted.read(text)
    assert found is not None
    return found


def own(found: Pasted) -> list[Frame]:
    return [frame for frame in found.frames if frame.file == "train.py"]


@pytest.mark.parametrize("kind", CASES)
def test_a_real_traceback_tells_its_mistake(kind):
    code, said = CASES[kind]
    found = read(raised(HEAD + code, "auto"))
    assert (found.kind, said in found.explanation) == (kind, True), found
    lines = (HEAD + code).splitlines()
    assert [frame.text for frame in own(found)] == [lines[frame.line - 1].strip() for frame in own(found)]
    assert "object id" not in found.message and "For simplicity" not in found.message


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("kind", ["unequal_sizes", "scalar_mapped", "python_condition", "operand_shapes"])
def test_jax_frames_in_a_traceback_change_nothing(kind, mode):
    code = HEAD + CASES[kind][0]
    plain, full = read(raised(code, "auto")), read(raised(code, mode))
    assert (full.kind, full.message, full.explanation) == (plain.kind, plain.message, plain.explanation)
    assert own(full) == own(plain)


def test_the_sizes_of_a_message_become_a_request_that_fails_alike():
    found = read(raised(HEAD + CASES["unequal_sizes"][0], "auto"))
    assert found.request is not None
    assert [(one.name, one.value) for one in found.request.arguments] == [
        ("a", "f32[3,2]"),
        ("b", "f32[4,2]"),
    ]
    assert "stands in for it" in found.missing
    failure = explain(found.request, until="batch").failure
    assert failure is not None
    assert failure.message == found.message


def test_the_one_argument_of_a_call_becomes_a_request_that_fails_alike():
    found = read(raised(HEAD + CASES["no_such_axis"][0], "auto"))
    assert found.request is not None
    assert "float32 is a guess" in found.missing
    failure = explain(found.request, until="batch").failure
    assert failure is not None
    assert failure.message == found.message


def test_a_message_that_names_some_arguments_only_makes_no_request():
    code = "def f(a, b, c):\n    return a\njax.vmap(f)(jnp.ones(5), jnp.ones(5), jnp.ones(4))\n"
    found = read(raised(HEAD + code, "auto"))
    assert (
        "a f32[5] has 5 examples (axis 0), and 1 more has as many; c f32[4] has 4 examples"
        in found.explanation
    )
    assert found.request is None
    assert "the definition of f, the call of jax.vmap and the shapes of all its arguments" in found.missing


def test_code_pasted_above_the_traceback_is_the_request():
    code = HEAD + CASES["python_condition"][0]
    found = read(f"{code}\n{raised(code, 'auto')}")
    assert found.request is not None and found.request.is_script
    assert found.request.code.strip() == code.strip()
    assert found.missing == ""


def test_an_error_of_the_users_own_is_told_with_its_line():
    code = "def f(x):\n    raise RuntimeError('too hot: 40 degrees')\njax.vmap(f)(jnp.ones(3))\n"
    found = read(raised(HEAD + code, "auto"))
    assert (found.kind, found.error_type) == ("", "RuntimeError")
    assert found.explanation.startswith("RuntimeError at line 3 of train.py")
    assert found.explanation.endswith("too hot: 40 degrees")


IPYTHON = """
---------------------------------------------------------------------------
ValueError                                Traceback (most recent call last)
Cell In[3], line 4
      2     return jnp.sum((a - b) ** 2)
      3 
----> 4 jax.vmap(dist)(X, Y)

    [... skipping hidden 1 frame]

File ~/venv/lib/python3.11/site-packages/jax/_src/api.py:1341, in _mapped_axis_size(fn, tree, vals)
   1340   msg.append("")
-> 1341 raise ValueError(''.join(msg)[:-2])

ValueError: vmap got inconsistent sizes for array axes to be mapped:
  * one axis had size 3: axis 0 of argument a of type float32[3,2];
  * one axis had size 4: axis 0 of argument b of type float32[4,2]
"""  # noqa: W291  (as IPython prints it)


SEVERAL_LINES = """Traceback (most recent call last):
  File "train.py", line 12, in <module>
    main()
    ~~~~^^
  File "train.py", line 8, in main
    out = jax.vmap(
          ~~~~~~~~~
        dist,
        ~~~~~
        in_axes=(0, 0),
        ~~~~~~~~~~~~~~~
    )(X, Y)
    ~^^^^^^
ValueError: vmap got inconsistent sizes for array axes to be mapped:
  * one axis had size 3: axis 0 of argument a of type float32[3,2];
  * one axis had size 4: axis 0 of argument b of type float32[4,2]
"""


def test_a_call_on_several_lines_is_read_as_one():
    found = read(SEVERAL_LINES)
    assert found.frames[-1] == Frame("train.py", 8, "main", "out = jax.vmap( dist, in_axes=(0, 0), )(X, Y)")
    assert found.request is not None
    assert found.request.levels[0].in_axes == "(0, 0)"


def test_a_notebook_traceback_is_read_too():
    found = read(IPYTHON)
    assert (found.kind, found.frames) == (
        "unequal_sizes",
        (Frame("cell 3", 4, "<module>", "jax.vmap(dist)(X, Y)"),),
    )
    assert found.request is not None


def test_colours_indentation_and_windows_line_ends_do_not_matter():
    text = raised(HEAD + CASES["python_condition"][0], "auto")
    plain = read(text)
    for other in (
        re.sub(r"^", "    ", text, flags=re.MULTILINE),
        text.replace("\n", "\r\n"),
        text.replace("Error", "\x1b[31mError\x1b[0m"),
    ):
        assert read(other) == plain


def test_the_last_line_alone_tells_the_mistake():
    found = read(
        "ValueError: vmap in_axes must be an int, None, or a tuple ..., but got len(in_axes)=2, len(args)=3"
    )
    assert (found.kind, found.frames, found.request) == ("spec_length", (), None)


@pytest.mark.parametrize(
    "text", ["", "hello", "import jax\njax.vmap(f)(x)\n", "ValueError", "n d, m d -> n m", "a: b\nError"]
)
def test_what_is_no_traceback_is_not_read_as_one(text):
    assert pasted.read(text) is None

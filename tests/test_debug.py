"""`explainer.debug()`: a vmap error carries its explanation as a note, and is JAX's own otherwise."""

from __future__ import annotations

import asyncio
import concurrent.futures
import subprocess
import sys
import traceback
from collections.abc import Callable

import jax
import jax.numpy as jnp
import pytest

import explainer
from explainer.analysis.failing import notes
from tests.browser import ROOT

X, Y = jnp.ones((3, 2)), jnp.ones((4, 2))


def sizes() -> object:
    return jax.vmap(jnp.dot)(X, Y)


def inside_jit() -> object:
    return jax.jit(jax.vmap(lambda row: row @ jnp.ones(5)))(X)


def out_axes() -> object:
    return jax.vmap(lambda x: x * 2, out_axes=None)(X)


def misspelt() -> object:
    return jax.vmap(jnp.dot, axis=0)  # pyright: ignore[reportCallIssue]  (that is the mistake)


def condition() -> object:
    return jax.vmap(lambda x: x if x > 0 else -x)(X[:, 0])


FAILING: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "sizes": (sizes, ValueError, "X has 3 examples"),
    "inside jit": (inside_jit, TypeError, "row @ jnp.ones(5)"),
    "out_axes": (out_axes, ValueError, "every example has its own"),
    "a misspelt parameter": (misspelt, TypeError, "Did you mean in_axes=0?"),
    "a condition": (condition, jax.errors.TracerBoolConversionError, "x > 0"),
}


def raised_by(function: Callable[[], object]) -> Exception:
    try:
        function()
    except Exception as error:  # noqa: BLE001  (whatever is raised is looked at)
        return error
    raise AssertionError("nothing was raised")


def debugged(function: Callable[[], object]) -> Exception:
    def within() -> None:
        with explainer.debug():
            function()

    return raised_by(within)


def ours(error: BaseException) -> list[str]:
    return [note for note in getattr(error, "__notes__", []) if note.startswith("explainer: ")]


@pytest.mark.parametrize("name", FAILING)
def test_a_vmap_error_carries_one_note_that_explains_it(name):
    function, kind, said = FAILING[name]
    error = debugged(function)
    assert type(error) is kind
    (note,) = ours(error)
    assert said in " ".join(note.split())
    assert f"{__file__}, line" in note


@pytest.mark.parametrize("name", FAILING)
def test_type_message_and_traceback_are_those_without_it(name):
    function = FAILING[name][0]
    plain, error = raised_by(function), debugged(function)
    assert type(error) is type(plain)
    assert without_ids(str(error)) == without_ids(str(plain))
    assert frames(error)[2:] == frames(plain)[1:]
    assert [note for note in error.__notes__ if note not in ours(error)] == plain.__notes__
    assert (error.__cause__, repr(error.__context__)) == (None, repr(plain.__context__))


def without_ids(text: str) -> str:
    return text.partition("object id")[0]


def frames(error: Exception) -> list[tuple[str, int | None]]:
    return [(frame.name, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]


def test_the_note_offers_fixes_with_the_text_before_and_after():
    (note,) = ours(debugged(sizes))
    text = " ".join(note.split())
    assert "- return jax.vmap(jnp.dot)(X, Y)" in text
    assert "+ return jax.vmap(jax.vmap(jnp.dot, in_axes=(None, 0)), in_axes=(0, None))(X, Y)" in text
    assert "f32[3, 4]" in note


def own_error() -> object:
    def fails(row):
        raise LookupError("mine")

    return jax.vmap(fails)(X)


@pytest.mark.parametrize(
    "function", [own_error, lambda: {}["a"], lambda: jnp.ones(3) @ jnp.ones(4)], ids=["own", "python", "jax"]
)
def test_errors_that_are_not_of_vmap_pass_as_they_are(function):
    plain, error = raised_by(function), debugged(function)
    assert getattr(error, "__notes__", []) == getattr(plain, "__notes__", [])


def test_it_decorates_functions_generators_and_coroutines():
    @explainer.debug()
    def plain():
        return sizes()

    @explainer.debug()
    def rows():
        yield 1
        sizes()

    @explainer.debug()
    async def waits():
        await asyncio.sleep(0)
        sizes()

    assert (plain.__name__, rows.__name__, waits.__name__) == ("plain", "rows", "waits")
    assert next(rows()) == 1
    for fails in (plain, lambda: list(rows()), lambda: asyncio.run(waits())):
        assert len(ours(raised_by(fails))) == 1


def test_it_does_not_decorate_asynchronous_generators():
    async def rows():
        yield 1

    with pytest.raises(TypeError, match="put `with explainer.debug\\(\\):` inside it"):
        explainer.debug()(rows)


def test_nested_blocks_explain_an_error_once():
    def twice() -> None:
        with explainer.debug():
            sizes()

    assert len(ours(debugged(twice))) == 1


def test_an_error_of_another_thread_is_explained_where_it_passes():
    def elsewhere() -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(sizes).result()

    assert len(ours(debugged(elsewhere))) == 1


def test_the_error_that_another_was_raised_from_is_explained():
    def wrapped() -> None:
        try:
            sizes()
        except ValueError as error:
            raise RuntimeError("training failed") from error

    error = debugged(wrapped)
    assert ours(error) == []
    assert error.__cause__ is not None and len(ours(error.__cause__)) == 1


def test_an_error_within_a_group_is_explained():
    def grouped() -> None:
        raise ExceptionGroup("tasks", [KeyError("a"), raised_by(sizes)])

    error = debugged(grouped)
    assert isinstance(error, ExceptionGroup)
    assert [len(ours(each)) for each in error.exceptions] == [0, 1]


def test_trouble_of_ours_is_told_in_a_note_and_nowhere_else(monkeypatch):
    def broken(error):
        raise RecursionError("too deep")

    monkeypatch.setattr(notes, "_note", broken)
    error = debugged(sizes)
    assert type(error) is ValueError
    assert ours(error) == ["explainer: this error could not be explained (RecursionError: too deep)"]


def test_code_without_errors_gives_what_it_gives():
    with explainer.debug() as block:
        assert jax.vmap(jnp.dot)(X, X).shape == (3,)
    with block:  # again
        assert raised_by(lambda: {}["a"]).args  # caught inside: nobody's business


def test_entering_a_block_does_not_load_what_only_an_error_needs():
    code = (
        "import sys, explainer\n"
        "with explainer.debug(): pass\n"
        "print([name for name in ('optax', 'explainer.analysis.run') if name in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout
    assert printed == "[]\n"

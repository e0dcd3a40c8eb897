"""Axis specs written from chosen axes: shortest form, always what jax.vmap takes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from explainer import axes
from explainer.report import AxesTemplate

TREE = "{{'b': {0}, 'w': {1}}}"


@pytest.mark.parametrize(
    ("parts", "chosen", "expected"),
    [
        (("{0}", "{1}"), (0, None), "(0, None)"),
        (("{0}", "{1}"), (0, 0), "(0, 0)"),
        (("{0}",), (0,), "0"),
        (("{0}",), (-1,), "-1"),
        (("{0}",), (None,), "None"),
        ((TREE, "{2}"), (0, 0, 1), "(0, 1)"),
        ((TREE, "{2}"), (0, 1, None), "({'b': 0, 'w': 1}, None)"),
        ((TREE,), (1, 1), "1"),
        ((TREE,), (0, None), "({'b': 0, 'w': None},)"),
        (("({0}, [{1}, {2}])", "{3}"), (0, 1, None, 0), "((0, [1, None]), 0)"),
        (("None", "{0}"), (2,), "(None, 2)"),
        (("()", "{0}"), (2,), "(None, 2)"),
    ],
)
def test_in_axes_are_written_as_short_as_they_go(parts, chosen, expected):
    assert axes.write_in_axes(AxesTemplate(parts), chosen) == expected


@pytest.mark.parametrize(
    ("parts", "chosen", "expected"),
    [
        (("{0}",), (0,), "0"),
        (("({0}, {1})",), (0, -1), "(0, -1)"),
        (("({0}, {1})",), (-1, -1), "-1"),
        ((TREE,), (0, None), "{'b': 0, 'w': None}"),
    ],
)
def test_out_axes_are_written_without_a_tuple_around_them(parts, chosen, expected):
    assert axes.write_out_axes(AxesTemplate(parts), chosen) == expected


@pytest.mark.parametrize("b", [0, 1, None])
@pytest.mark.parametrize("w", [0, 1, 2, -1, None])
@pytest.mark.parametrize("x", [0, 1, None])
def test_jax_takes_every_spec_that_is_written(b, w, x):
    sizes = {0: (3, 3, 3), 1: (3, 3, 3)}
    params, point = {"b": jnp.ones((3, 3)), "w": jnp.ones(sizes[0])}, jnp.ones((3, 3))
    text = axes.write_in_axes(AxesTemplate((TREE, "{2}")), (b, w, x))
    if b is w is x is None:
        return
    mapped = jax.vmap(lambda p, v: p["b"].sum() + p["w"].sum() + v.sum(), in_axes=eval(text))
    assert mapped(params, point).shape == (3,)


@pytest.mark.parametrize("hostile", ["{0.__class__}", "{0:>999999999}", "{0!r}", "{", "}", "{name}"])
def test_a_template_cannot_format_anything_but_holes(hostile):
    assert axes.write_out_axes(AxesTemplate((f"({hostile}, {{0}}, {{1}})",)), (0, 1)) == f"({hostile}, 0, 1)"


@pytest.mark.parametrize(
    ("rank", "current", "shared", "expected"),
    [
        (0, None, True, (None,)),
        (1, 0, True, (0, None)),
        (2, 0, True, (0, 1, None)),
        (3, 0, True, (0, 1, 2, -1, None)),
        (2, -2, True, (0, 1, -2, None)),
        (2, 5, True, (0, 1, 5, None)),
        (1, 0, False, (0,)),
        (2, 0, False, (0, 1, -1)),
        (2, None, False, (0, 1, -1, None)),
    ],
)
def test_a_control_offers_the_legal_axes_and_the_one_in_use(rank, current, shared, expected):
    assert axes.choices(rank, current, shared=shared) == expected

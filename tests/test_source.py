"""The text of shape specs: what is read, what is left alone, and where an error points."""

from __future__ import annotations

import pytest

from explainer.errors import SpecError
from explainer.source import FILLS, ShapeSpec, parse_spec, short_dtype, substitute, with_fill


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f32[3,2]", ShapeSpec("float32", (3, 2))),
        ("float32[3, 2]", ShapeSpec("float32", (3, 2))),
        ("i32[]", ShapeSpec("int32", ())),
        ("bool[4,]", ShapeSpec("bool", (4,))),
        ("c64[2]", ShapeSpec("complex64", (2,))),
        ("bf16[1_000]", ShapeSpec("bfloat16", (1000,))),
        ("key[4]", ShapeSpec("key", (4,))),
        ("normal(f32[3])", ShapeSpec("float32", (3,), "normal")),
        ("zeros( u32[4,2] )", ShapeSpec("uint32", (4, 2), "zeros")),
    ],
)
def test_a_spec_names_dtype_shape_and_fill(text, expected):
    assert parse_spec(text) == expected


@pytest.mark.parametrize(
    ("text", "problem", "column"),
    [
        ("f32[3,x]", "'x' is not an axis size", 6),
        ("f32[-1]", "'-1' is not an axis size", 4),
        ("f32[3", "never closed", 3),
        ("{'w': f32[2], 'b': f32[2.5]}", "'2.5' is not an axis size", 23),
        ("f32[9999999999,9999999999]", "more elements than any machine can count", 4),
    ],
)
def test_a_spec_that_cannot_be_read_points_at_the_place(text, problem, column):
    with pytest.raises(SpecError, match=problem) as raised:
        substitute(text, ())
    assert raised.value.column == column
    assert str(raised.value).endswith(f"\n    {text}\n    {' ' * column}^")


def test_specs_in_a_tree_become_names_of_the_same_width():
    text = "{'w': f32[2], 'b': normal(f32[])}"
    python, specs = substitute(text, ())
    assert len(python) == len(text)
    assert list(specs.values()) == [ShapeSpec("float32", (2,)), ShapeSpec("float32", (), "normal")]


@pytest.mark.parametrize(
    "text", ["jnp.ones(3)", "'f32[2]'", '"a f32[2]"', "x.f32[3]", "table[2]", "myf32[2]", ""]
)
def test_what_is_no_spec_stays_as_it_is(text):
    assert substitute(text, ()) == (text, {})


def test_a_variable_of_the_users_own_is_not_a_spec():
    assert substitute("key[0]", {"key"}) == ("key[0]", {})


@pytest.mark.parametrize("fill", FILLS)
def test_another_fill_is_written_and_read_back(fill):
    assert parse_spec(with_fill("ones(f32[3,2])", fill)) == ShapeSpec("float32", (3, 2), fill)


def test_a_fill_changes_nothing_but_the_specs():
    assert with_fill("{'w': f32[2], 'n': jnp.ones(3)}", "zeros") == "{'w': zeros(f32[2]), 'n': jnp.ones(3)}"


@pytest.mark.parametrize(("dtype", "short"), [("float32", "f32"), ("key<fry>", "key<fry>"), ("bool", "bool")])
def test_dtypes_have_jax_short_names(dtype, short):
    assert short_dtype(dtype) == short

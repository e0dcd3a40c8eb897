"""Wanted outputs as text: shapes, trees of them, named axes; what cannot be read is told with its place."""

from __future__ import annotations

import pytest

from explainer import notation
from explainer.errors import SpecError
from explainer.notation import Named, Shapes


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("f32[3,4]", [("out", (3, 4), "float32")]),
        ("normal(f32[3])", [("out", (3,), "float32")]),
        ("(3, 4)", [("out", (3, 4), "")]),
        ("[3, 4]", [("out", (3, 4), "")]),
        ("3, 4", [("out", (3, 4), "")]),
        ("3", [("out", (3,), "")]),
        ("()", [("out", (), "")]),
        ("(f32[3], (4, 2))", [("out[0]", (3,), "float32"), ("out[1]", (4, 2), "")]),
        ("{'w': (3,), 'b': i32[]}", [("out['b']", (), "int32"), ("out['w']", (3,), "")]),
    ],
)
def test_shapes_are_read(text, leaves):
    asked = notation.parse(text)
    assert isinstance(asked, Shapes)
    assert [(leaf.path, leaf.shape, leaf.dtype) for leaf in asked.leaves] == leaves


@pytest.mark.parametrize(
    ("text", "inputs", "outputs"),
    [
        ("n d, m d -> n m", ["n d", "m d"], ["n m"]),
        ("n [d], m [2] -> n m", ["n [d]", "m [2]"], ["n m"]),
        ("n [d e] -> n", ["n [d] [e]"], ["n"]),
        ("..., n -> n", ["...", "n"], ["n"]),
        ("batch time -> batch", ["batch time"], ["batch"]),
        ("n, -> n", ["n", ""], ["n"]),
        ("[], n -> n", ["", "n"], ["n"]),
        ("n -> n, n 2", ["n"], ["n", "n [2]"]),
        ("(n,d),(m,d)->(n,m)", ["n d", "m d"], ["n m"]),
        ("(n, d) -> ()", ["n d"], [""]),
        ("n d → n", ["n d"], ["n"]),
    ],
)
def test_named_axes_are_read(text, inputs, outputs):
    asked = notation.parse(text)
    assert isinstance(asked, Named)
    assert [str(entry) for entry in asked.inputs] == inputs
    assert [str(entry) for entry in asked.outputs] == outputs


@pytest.mark.parametrize(("rank", "names"), [(2, ("n", "d")), (1, ("nd",)), (3, None)])
def test_letters_without_blanks_are_names_where_the_rank_says_so(rank, names):
    entry = notation.parse("nd -> n").inputs[0].fitted(rank)  # pyright: ignore[reportAttributeAccessIssue]
    assert (entry and entry.names) == names


@pytest.mark.parametrize(
    ("text", "problem", "column"),
    [
        ("", "nothing is wanted", 0),
        ("foo", "not a shape", 0),
        ("(3, -1)", "not a shape", 4),
        ("f32[3,", "never closed", 3),
        ("f33[3]", "not a shape", 0),
        ("n -> m -> k", 'second "->"', 0),
        ("n (d) -> n", "name each", 2),
        ("(n,*),(m)->(n)", "'*' is not the name of an axis", 3),
        ("n [d -> n", "never closed", 2),
        ("n d] -> n", "brackets do not match", 3),
        ("f32[3,2] -> f32[3]", "not their shapes", 3),
        ("n * d -> n", "'*' is not the name of an axis", 2),
        ("n, ... d -> n", "stands alone", 3),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text, problem, column):
    with pytest.raises(SpecError) as told:
        notation.parse(text)
    assert problem in told.value.problem
    assert told.value.column == column

"""Imports: an edit of a script brings the imports that it needs."""

from __future__ import annotations

import pytest

from explainer.edits.imports import with_imports


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "import jax\ny = 1",
            "import jax\ny = jnp.sin(1)",
            "import jax\nimport jax.numpy as jnp\ny = jnp.sin(1)",
        ),
        ("y = 1", "y = partial(f)", "from functools import partial\ny = partial(f)"),
        ("import jax.numpy as jnp\ny = 1", "import jax.numpy as jnp\ny = jnp.sin(1)", None),
        ("y = jnp.cos(1)", "y = jnp.sin(1)", None),
    ],
)
def test_only_names_that_came_in_and_are_bound_nowhere_are_imported(before, after, expected):
    assert with_imports(before, after) == (after if expected is None else expected)

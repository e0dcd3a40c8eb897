"""The X-ray as plain data: levels, equations, and where each level's axis sits in every value.

    analysis ─▶ Level, Equation, Jaxprs ─▶ Report

`explainer.report` holds these and gives their names on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

Size = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Shape = Annotated[tuple[Size, ...], msgspec.Meta(max_length=64)]
"""A shape. Its bounds are checked where a Report comes from another process, which may not keep to them."""


@dataclass(frozen=True, slots=True)
class Span:
    """A range of the user's text: 1-based lines, 0-based columns in characters, end exclusive.

    `source` says which text: "code", "function", "argument X", "in_axes of level 0", ...
    """

    line: int
    column: int
    end_line: int
    end_column: int
    source: str = "code"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One array of a tree, with a capped preview of its values.

    `preview` is nested lists (a bare number for a scalar) holding the entries at
    `kept[0] x kept[1] x ...`, the indices kept along each axis: all of them, or the first
    ones and the last. None where no values exist (nothing ran yet). Complex numbers and
    random keys are text. Statistics are over the finite values of the whole array.
    """

    path: str  # "X", "params['w']", for outputs "out" or "out['w']"
    dtype: str
    shape: Shape
    preview: Any = None  # msgspec has no recursive type alias; nested lists of plain scalars
    kept: tuple[tuple[int, ...], ...] = ()
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    nan_count: int = 0
    inf_count: int = 0


@dataclass(frozen=True, slots=True)
class MappedLeaf:
    """A leaf as one level sees it: its shape there and the axis that level maps.

    axis=-1 on (3, 4) -> index=1; axis=None -> index=None, shared by every example.
    """

    path: str
    dtype: str
    shape: Shape
    axis: int | None
    index: int | None


@dataclass(frozen=True, slots=True)
class AxesTemplate:
    """The spec tree of one level with a hole per leaf, to write it anew from chosen axes.

    `parts` holds one text per argument (per output tree for out_axes) with `{0}`, `{1}`, ... where
    the axis of leaf 0, 1, ... (counted over all arguments) stands; literal braces are doubled.

    predict(params, x):  ("{{'b': {0}, 'w': {1}}}", "{2}")
    """

    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """One vmap of the nest, outermost first: what it maps, and where it puts the results.

    Levels that the Request states come first, then those found while the code ran, in the order of
    their calls; a call made under another has that one as `parent`.
    """

    id: int
    parent: int | None
    function: str  # what this level maps: "dist", or "vmap(dist)"
    name: str  # axis_name if given, else i, j, k, ...
    in_axes: str
    out_axes: str
    axis_name: str | None
    axis_size: int | None  # None when it could not be determined
    inputs: tuple[MappedLeaf, ...]
    outputs: tuple[MappedLeaf, ...] = ()  # shape after this level restacked; axis as given in out_axes
    in_template: AxesTemplate = AxesTemplate()
    out_template: AxesTemplate = AxesTemplate()
    span: Span | None = None  # the call; of a level that the Request states, its in_axes text
    captured: bool = False  # found while the code ran
    made_by: str = ""  # "" the user's own call; else "jax.jacrev", "jax.numpy.vectorize", "equinox", ...
    transform: Literal["vmap", "pmap", "shard_map"] = "vmap"
    count: int = 1  # calls from one place with one function text, axes and shapes; the first is described
    enters: tuple[Crossing, ...] = ()  # what its function is handed for one example, closed-over values last
    leaves: tuple[Crossing, ...] = ()  # what its function returns for one example
    jaxpr: Jaxprs | None = None  # its own: for one example, and after this level alone
    note: str = ""  # why nothing is known of its equations


@dataclass(frozen=True, slots=True)
class Crossing:
    """A value on its way into a captured level's function or out of it.

    `shared`: closed over, not handed as an argument; where its batch_dims name an outer level, the value
    comes "from level i". `value` holds it over all examples, None where the call saw no values (inside
    jit, say).
    """

    path: str
    aval: BatchedAval
    shared: bool = False
    value: Leaf | None = None


@dataclass(frozen=True, slots=True)
class BatchedAval:
    """An intermediate as one example sees it, plus where each level's axis sits in it.

    f32[2], batch_dims=(0, 1), batched_shape=(3, 4, 2): level 0's axis is axis 0, level 1's axis 1.
    A batch_dims entry of None: not mapped by that level, one value shared by its examples. There is
    one entry per level of the report; a level that the equation does not stand in has None.
    """

    name: str
    dtype: str
    shape: Shape
    batch_dims: tuple[int | None, ...]
    batched_shape: Shape
    tracked: bool = True  # False: JAX replaced this body (custom_vmap) or dropped it, so nothing is claimed
    because: tuple[Cause | None, ...] = ()  # per level why it is mapped; (): by none, or not looked into


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a level maps a value: one step back on the shortest way to a leaf that the level maps.

    Output `output` of equation `equation`, if that is not None; the leaf `path` of the level's inputs, if
    that is not ""; else the way begins here. `kind` tells what links the two:

    ""            it is computed from it
    "predicate"   it decides, as the condition of a cond or while
    "carry"       a loop hands it on to its next iteration
    "axis_index"  the value is the example's own number
    "rule"        JAX's rule for this primitive mapped it, though nothing that it is given is mapped
    "unknown"     the way could not be followed
    """

    equation: int | None = None
    output: int = 0
    path: str = ""
    kind: Literal["", "predicate", "carry", "axis_index", "rule", "unknown"] = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A parameter that batching changed: axes, "(0,)", "(1,)". A body is told by the types of its results."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Equation:
    """One equation of the per-example jaxpr and what batching made of it."""

    id: int
    primitive: str
    inputs: tuple[str, ...]  # variable names and literals, as in the per-example jaxpr
    outputs: tuple[BatchedAval, ...]
    depth: int  # 0 at top level, +1 inside each scan/cond/while/jit/custom body
    body: str  # "" at top level, else the path of bodies: "scan[3].jaxpr"
    parent: int | None  # id of the equation whose body holds this one
    source: str  # the user's expression, or "" when JAX's own code made it
    span: Span | None
    rewrite: tuple[str, ...]  # primitives that batching emitted for it
    level: int | None = None  # id of the innermost level whose function it stands in; None: outside of all
    changed: tuple[Change, ...] = ()  # parameters of the first emitted equation of the same primitive
    callers: tuple[Span, ...] = ()  # the user's calls that led to `span`, innermost first
    backward: bool = False  # made by the backward pass of grad, vjp, ...
    differentiated: bool = False  # made under grad, jvp, ...: may carry tangents and residuals, too
    dropped: bool = False  # its call failed in the body of a jit, scan, ..., which JAX dropped with the error


@dataclass(frozen=True, slots=True)
class JaxprText:
    """A jaxpr as JAX prints it. `lines[n]` is the id of the equation on line n, or None.

    `level` is the outermost level already applied; None for the per-example jaxpr.
    """

    text: str
    lines: tuple[int | None, ...] = ()
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Jaxprs:
    """The per-example jaxpr, and the ones after each level (innermost first), the whole nest last.

    The batch stage leaves the first, the lower stage adds the others.
    """

    example: JaxprText
    levels: tuple[JaxprText, ...] = ()

    @property
    def final(self) -> JaxprText:
        return self.levels[-1] if self.levels else self.example

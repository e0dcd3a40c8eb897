"""The rows of the table of rewrites: when each holds, what it is called, and why it matters.

    rewrites ── Equation ──▶ the first row whose conditions hold

A row is chosen by what JAX emitted, never by the primitive alone: a cond that became a select runs
every branch, a cond that stayed a cond runs one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from explainer.report import Equation


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: every condition that is given must hold."""

    kind: str
    title: str
    sentence: str
    term: str = ""  # "" is the primitive's own page
    page: str = ""  # "" is the API page of the term
    primitives: tuple[str, ...] = ()
    emits: tuple[str, ...] = ()  # one of them is among what JAX emitted
    keeps: bool | None = None  # whether the primitive itself is
    changes: tuple[str, ...] = ()  # the value of one of these parameters changed
    shared: bool = False  # the one kind of row that speaks of values which no level maps
    when: Callable[[Equation], bool] | None = None
    loud: bool = False  # a surprise: another thing runs than the code says


def _more_batch_dims(equation: Equation) -> bool:
    """Tells whether a dot_general has more batch dimensions than before: (contracting, (lhs, rhs))."""
    for change in equation.changed:
        if change.name == "dimension_numbers":
            try:
                before, after = ast.literal_eval(change.before), ast.literal_eval(change.after)
                return len(after[1][0]) > len(before[1][0])
            except (SyntaxError, ValueError, TypeError, IndexError, KeyError, MemoryError, RecursionError):
                return False  # not what JAX prints
    return False


def _takes_apart(equation: Equation) -> bool:
    """Tells whether JAX emitted more than the equation itself: the examples, one by one."""
    return len(equation.rewrite) > 1


def _adds(name: str) -> Callable[[Equation], bool]:
    """Returns the condition that JAX put an equation of another primitive in."""
    return lambda equation: name in equation.rewrite and equation.primitive != name


LAX = (
    "argmax", "argmin", "broadcast_in_dim", "clamp", "concatenate", "cumlogsumexp", "cummax", "cummin",
    "cumprod", "cumsum", "gather", "iota", "pad", "reduce_and", "reduce_max", "reduce_min", "reduce_or",
    "reduce_prod", "reduce_sum", "reduce_window", "reduce_xor", "reshape", "rev", "scatter", "select_n",
    "slice", "sort", "split", "squeeze", "top_k", "transpose",
)  # fmt: skip
"""Primitives whose page in JAX's documentation has their own name."""

LINALG = (
    "cholesky", "cholesky_update", "eig", "eigh", "hessenberg", "householder_product", "lu", "qr", "schur",
    "svd", "symmetric_product", "triangular_solve", "tridiagonal", "tridiagonal_solve",
)  # fmt: skip

_DRAWS = ("random_bits", "random_gamma", "rng_bit_generator", "threefry2x32")
_KEYS = (*_DRAWS, "random_split", "random_fold_in", "random_seed")
_SCATTERS = ("scatter", "scatter-add", "scatter_add", "scatter_mul", "scatter_min", "scatter_max")
_AXES = (
    "axes", "axis", "dimension", "dimensions", "broadcast_dimensions", "permutation", "new_sizes", "shape",
    "start_indices", "limit_indices", "padding_config", "window_dimensions",
)  # fmt: skip

CONTROL_FLOW = (
    Rule(
        "cond-select", "every branch runs",
        "Each example brings its own condition, so all branches are computed for all examples and select_n "
        "keeps, for each, the one it asked for: a costly branch is always paid for.",
        "jax.lax.cond", primitives=("cond",), emits=("select_n",), keeps=False, loud=True,
    ),
    Rule(
        "cond-kept", "one branch runs",
        "All examples share the condition, so this is still a choice made at run time; only the branches "
        "work on all examples at once.",
        "jax.lax.cond", primitives=("cond",), keeps=True,
    ),
    Rule(
        "while-masked", "runs until the slowest example ends",
        "Each example has its own stopping test, so the loop goes on while any of them is unfinished; those "
        "that are done go through the body too, and keep their values.",
        "jax.lax.while_loop", primitives=("while",), keeps=True, changes=("cond_jaxpr",), loud=True,
    ),
    Rule(
        "while-kept", "one loop for all",
        "The stopping test is the same for all examples, so they take the same steps, each on the whole "
        "batch.",
        "jax.lax.while_loop", primitives=("while",), keeps=True,
    ),
    Rule(
        "scan-moved", "one loop, an axis moved",
        "Still one loop with as many steps, each on all examples; the steps must stay in front, so a mapped "
        "axis in their way is moved by a transpose, which can cost a copy.",
        "jax.lax.scan", primitives=("scan",), emits=("transpose",), keeps=True,
    ),
    Rule(
        "scan", "one loop for all",
        "Still one loop with as many steps, each on all examples; the steps stay in front, so in stacked "
        "results the mapped axis comes behind them.",
        "jax.lax.scan", primitives=("scan",), keeps=True,
    ),
)  # fmt: skip

CALLS = (
    Rule(
        "callback-loop", "called once per example",
        "Python is called for one example after the other, in a loop: nothing is gained by the batch.",
        "jax.pure_callback", primitives=("pure_callback", "io_callback"), emits=("scan", "while"),
        page="external-callbacks.html", keeps=False, loud=True,
    ),
    Rule(
        "callback-once", "called once for the batch",
        "Python is called once, with arrays that hold all examples, as the callback's vmap_method says.",
        "jax.pure_callback", primitives=("pure_callback",), keeps=True,
    ),
    Rule(
        "effect-repeated", "happens once per example",
        "A side effect cannot be batched, so JAX takes the examples apart and repeats it for each.",
        "jax.debug.callback", primitives=("debug_callback", "debug_print"), when=_takes_apart, loud=True,
    ),
    Rule(
        "custom-vmap", "its own batching rule",
        "A rule set with custom_vmap says what to do under vmap; JAX emits what the rule returns, not a "
        "batched copy of the function.",
        "jax.custom_batching.custom_vmap", primitives=("custom_vmap_call",), keeps=False, loud=True,
    ),
    Rule(
        "derivative-kept", "its derivative rule stays",
        "The function's own derivative rule is batched along with it, so a gradient taken later still uses "
        "the rule.",
        "jax.custom_jvp", primitives=("custom_jvp_call",), keeps=True,
    ),
    Rule(
        "derivative-kept", "its derivative rule stays",
        "The function's own derivative rule is batched along with it, so a gradient taken later still uses "
        "the rule.",
        "jax.custom_vjp", primitives=("custom_vjp_call", "custom_vjp_call_jaxpr"), keeps=True,
    ),
)  # fmt: skip

INDEXING = (
    Rule(
        "slice-gather", "slice becomes gather",
        "A slice at an index known only at run time becomes a gather, which fetches one slice per example; "
        "on accelerators it can be slower than a plain slice.",
        "jax.lax.gather", primitives=("dynamic_slice",), emits=("gather",), keeps=False, loud=True,
    ),
    Rule(
        "update-scatter", "update becomes scatter",
        "A write at an index known only at run time becomes a scatter, which writes one slice per example; "
        "it can be slower than updating one block in place.",
        "jax.lax.scatter", primitives=("dynamic_update_slice",), emits=("scatter",), keeps=False, loud=True,
    ),
    Rule(
        "gather-axis", "one gather for all",
        "One gather fetches for all examples; its dimension numbers now say which axis is the mapped one.",
        "jax.lax.gather", primitives=("gather",), changes=("dimension_numbers", "slice_sizes"),
    ),
    Rule(
        "scatter-axis", "one scatter for all",
        "One scatter writes for all examples; its dimension numbers keep the writes of each to itself.",
        "jax.lax.scatter", primitives=_SCATTERS, changes=("dimension_numbers",),
    ),
)  # fmt: skip

PRODUCTS = (
    Rule(
        "dot-batched", "batched product",
        "Both sides differ between examples, so dot_general grows a batch dimension: one call does a "
        "separate product for each example.",
        "jax.lax.dot_general", primitives=("dot_general",), keeps=True, when=_more_batch_dims,
    ),
    Rule(
        "dot-larger", "one larger product",
        "No level maps both sides, so a mapped axis is one more row or column axis: the examples join in one "
        "larger matrix product, which hardware likes best.",
        "jax.lax.dot_general", primitives=("dot_general",), keeps=True,
    ),
    Rule(
        "conv-groups", "one group per example",
        "The kernels differ between examples, so each example becomes a feature or batch group of one "
        "grouped convolution.",
        "jax.lax.conv_general_dilated", primitives=("conv_general_dilated",), keeps=True,
        changes=("feature_group_count", "batch_group_count"),
    ),
    Rule(
        "conv-merged", "joined with the convolution's own axes",
        "No level maps both sides, so a mapped axis is folded into the batch or channel axis that a "
        "convolution has already, and taken apart again after it.",
        "jax.lax.conv_general_dilated", primitives=("conv_general_dilated",), keeps=True, emits=("reshape",),
    ),
    Rule(
        "solve-columns", "examples become columns",
        "Examples that share the matrix differ in the right-hand side only, so their sides become columns of "
        "one array and are solved together.",
        "jax.lax.linalg.triangular_solve", primitives=("triangular_solve",), emits=("reshape",), keeps=True,
    ),
    Rule(
        "linalg", "one batched call",
        "The routine takes leading batch axes itself, so a single call handles every example's matrix.",
        primitives=LINALG, keeps=True,
    ),
    Rule(
        "fft", "one batched call",
        "A transform takes leading batch axes itself, so a single call handles all examples.",
        "jax.lax.fft", primitives=("fft",),
    ),
)  # fmt: skip

COLLECTIVES = (
    Rule(
        "collective-reduce", "reduces the mapped axis",
        "The examples meet here: the named axis is a real axis of the array now, so {primitive} is a plain "
        "reduction over it, and all examples share the result.",
        "jax.lax.{primitive}", primitives=("psum", "pmax", "pmin"), changes=("axes",), loud=True,
    ),
    Rule(
        "collective-reduce", "reduces the mapped axis",
        "The examples meet here: the named axis is a real axis of the array now, so {primitive} becomes "
        "{emitted} over it, and all examples share the result.",
        "jax.lax.{primitive}", primitives=("psum", "pmax", "pmin"), keeps=False, loud=True,
    ),
    Rule(
        "collective-gather", "the axis stops being mapped",
        "Nothing has to be gathered: the array holds all examples already, and from here on its mapped axis "
        "is an ordinary one that every example sees.",
        "jax.lax.all_gather", primitives=("all_gather",), keeps=False, loud=True,
    ),
    Rule(
        "collective-permute", "examples swap places",
        "Sending values between examples is an indexing along the mapped axis.",
        "jax.lax.ppermute", primitives=("ppermute",), keeps=False, loud=True,
    ),
    Rule(
        "collective-transpose", "the mapped axis trades places",
        "The mapped axis and an axis of the value change roles, which is a rearrangement of one array.",
        "jax.lax.all_to_all", primitives=("all_to_all",), keeps=False, loud=True,
    ),
    Rule(
        "collective-scatter", "sums, and each keeps its part",
        "One sum over the mapped axis; the summed array's own axis becomes the mapped one, so each example "
        "has its part.",
        "jax.lax.psum_scatter", primitives=("reduce_scatter",), keeps=False, loud=True,
    ),
    Rule(
        "collective-index", "becomes 0, 1, 2, …",
        "Each example's own number is an iota along the mapped axis.",
        "jax.lax.axis_index", primitives=("axis_index",), emits=("iota",), keeps=False, loud=True,
    ),
)  # fmt: skip

RANDOM = (
    Rule(
        "random-shared", "same numbers for all",
        "The key is not mapped, so every example gets the same random numbers; for different ones, split the "
        "key and map over the parts.",
        "jax.random", "jax.random.html", primitives=_DRAWS, shared=True, loud=True,
    ),
    Rule(
        "random-mapped", "one key per example",
        "Each example of {levels} brings its own key, and with it random numbers of its own.",
        "jax.random", "jax.random.html", primitives=_KEYS, keeps=True,
    ),
)  # fmt: skip

LAYOUT = (
    Rule(
        "moved", "axis moved",
        "The mapped axis was not where {primitive} needs it, so JAX moves it with a transpose, which can "
        "cost a copy.",
        "jax.lax.transpose", when=_adds("transpose"), keeps=True,
    ),
    Rule(
        "shifted", "axes renumbered",
        "The same operation on an array with more axes: its axis numbers and sizes make room for {levels}.",
        changes=_AXES, keeps=True,
    ),
    Rule(
        "lined-up", "operands lined up",
        "An operand has fewer axes than the others, so JAX adds them for the shapes to match; XLA as a rule "
        "fuses this with what follows.",
        "jax.lax.broadcast_in_dim", when=_adds("broadcast_in_dim"), keeps=True,
    ),
    Rule(
        "merged", "axes merged",
        "The mapped axis is folded into another for {primitive}, and taken apart again after it.",
        "jax.lax.reshape", when=_adds("reshape"), keeps=True,
    ),
    Rule(
        "nothing", "needs no equation",
        "JAX had nothing to compute here: the batched value was there already.",
        "jax.vmap", when=lambda equation: not equation.rewrite,
    ),
    Rule(
        "replaced", "written otherwise",
        "JAX's batching rule for {primitive} writes it with {emitted}.",
        "jax.vmap", keeps=False, loud=True,
    ),
)  # fmt: skip

RULES = (*RANDOM, *CONTROL_FLOW, *CALLS, *INDEXING, *PRODUCTS, *COLLECTIVES, *LAYOUT)

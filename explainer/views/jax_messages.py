"""Messages of JAX, read as text: which mistake they tell of, and the arguments and shapes that they name.

    the message of a pasted traceback ──▶ mistake ──▶ Mistake ──▶ views/pasted

Here, and only here, the text of JAX's messages is read: of a pasted traceback nothing else is there. Nothing
is claimed that the text does not say. What runs is explained from its specs and shapes instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from explainer.source import short_dtype


@dataclass(frozen=True, slots=True)
class MappedText:
    """An argument as a message names it: "axis 0 of argument params['b'] of type float32[5]"."""

    path: str
    dtype: str
    shape: tuple[int, ...]
    axis: int

    def __str__(self) -> str:
        dims = ",".join(map(str, self.shape))
        return f"{self.path} {short_dtype(self.dtype)}[{dims}]"


@dataclass(frozen=True, slots=True)
class Mistake:
    """Which mistake a message tells of. `partial`: it names only some of the arguments that it is about."""

    kind: str
    explanation: str
    mapped: tuple[MappedText, ...] = ()
    partial: bool = False
    handed: tuple[int, tuple[int, ...]] | None = None  # axis and shape of the one argument that it is about


def mistake(error_type: str, message: str) -> Mistake | None:
    """Returns the mistake that a message tells of; None for a message that is not known here.

    Of a message that is longer than any of JAX's only the beginning is read: the time grows with its square.
    """
    text = f"{error_type}: {message}"[:_LONGEST]
    for pattern, tell in _TELLERS:
        found = pattern.search(text)
        if found is not None:
            return tell(found)
    return None


_LONGEST = 20_000  # characters
_SIZE = re.compile(
    r"\* (?:one axis|(?:most|some) axes \((?P<many>\d+) of them\)) had size (?P<size>\d+)"
    r"(?:, e\.g\.|:) axis (?P<axis>-?\d+) of (?:argument )?(?P<path>.+?) of type "
    r"(?P<dtype>[\w<>]+)\[(?P<dims>[\d,]*)\]"
)


def _sizes(found: re.Match[str]) -> Mistake:
    listed = list(_SIZE.finditer(found.string))
    mapped = tuple(
        MappedText(
            one["path"],
            one["dtype"],
            tuple(int(size) for size in one["dims"].split(",") if size),
            int(one["axis"]),
        )
        for one in listed
    )
    partial = any(one["many"] for one in listed)
    told = [
        f"{leaf} has {one['size']} examples (axis {leaf.axis}){_more(one['many'])}"
        for one, leaf in zip(listed, mapped, strict=True)
    ]
    size = re.search(r"`axis_size` argument was (\d+)", found.string)
    told += [f"axis_size is {size[1]}"] if size else []
    said = (
        f"One vmap takes one index of every mapped axis at a time, so all must have one size, but "
        f"{'; '.join(told)}. Map axes of one size, or give None in in_axes for what every example shares. "
        "For all pairs, nest two vmaps: (0, None) outside, (None, 0) inside."
    )
    return Mistake("unequal_sizes", said, () if size else mapped, partial)


def _more(many: str | None) -> str:
    """Says how many axes of a size are not named: "3" in all -> ", and 2 more have as many"."""
    unnamed = int(many or 1) - 1
    return f", and {unnamed} more {'has' if unnamed == 1 else 'have'} as many" if unnamed else ""


def _rank(found: re.Match[str]) -> Mistake:
    axis, shape = found["axis"], found["shape"]
    if shape == "()":
        return Mistake(
            "scalar_mapped",
            f"vmap should map axis {axis} of an argument that has no axes: it is a single number. Give it "
            "None in in_axes, so that every example shares it. In a nest, this can be the inner vmap: its "
            "in_axes are 0 where they are not given.",
            handed=(int(axis), ()),
        )
    return Mistake(
        "no_such_axis",
        f"vmap should map axis {axis} of an argument of shape {shape}, which has no such axis. In a nest "
        "each level counts the axes that the levels outside of it left.",
        handed=(int(axis), tuple(int(size) for size in re.findall(r"\d+", shape))),
    )


def _length(found: re.Match[str]) -> Mistake:
    specs, args = int(found["specs"]), int(found["args"])
    entries = "1 entry" if specs == 1 else f"{specs} entries"
    passed = "1 positional argument" if args == 1 else f"{args} positional arguments"
    more = " Keyword arguments have no entry: they are always mapped over axis 0." if args < specs else ""
    return Mistake(
        "spec_length",
        f"in_axes has {entries}, but the mapped function is called with {passed}: write one entry for "
        f"each.{more}",
    )


def _keys(found: re.Match[str]) -> Mistake:
    where = "out_axes" if "vmap out_axes specification" in found.string else "in_axes"
    kind = "out_axes_structure" if where == "out_axes" else "spec_structure"
    place = re.search(rf"vmap ({where}[^\n]*)", found.string[found.end() :])
    at = place[1].strip() if place else where
    tree = "what the function returns" if where == "out_axes" else "the argument"
    return Mistake(
        kind,
        f"{at} is not shaped like {tree}: a spec has the containers (tuple, list, dict) and the keys of "
        f"{tree}, or stops early, where one number or None stands for all below it.",
    )


def _told(kind: str, explanation: str) -> Callable[[re.Match[str]], Mistake]:
    return lambda found: Mistake(kind, _filled(explanation, found))


def _filled(text: str, found: re.Match[str]) -> str:
    for name, value in found.groupdict().items():
        text = text.replace(f"<{name}>", value or "")
    return text


_TELLERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Mistake]], ...] = tuple(
    (re.compile(pattern, re.DOTALL), tell)
    for pattern, tell in (
        (r"inconsistent sizes for array axes to be mapped", _sizes),
        (r"map its argument along axis (?P<axis>-?\d+),.*its shape is (?P<shape>\([\d, ]*\))", _rank),
        (r"len\(in_axes\)=(?P<specs>\d+), len\(args\)=(?P<args>\d+)", _length),
        (
            r"vmap in_axes must be an int, None, or a tuple of entries .*but got (?P<got>[^\n]+?)\.?(\n|$)",
            _told(
                "spec_not_wrapped",
                "in_axes is <got>, but must be a number, None, or a tuple with one entry for each argument. "
                "For a single argument, put it in a tuple: (<got>,).",
            ),
        ),
        (
            r"vmap in_axes must be an int, None, or \(nested\) container.*but got (?P<got>[^\n]+?)\.?(\n|$)",
            _told(
                "in_axes_value",
                "in_axes is <got>: every entry must be a whole number or None. True is no axis.",
            ),
        ),
        (
            r"at least one non-None value in in_axes",
            _told(
                "nothing_mapped",
                "All of in_axes is None, so nothing says how many examples there are. Map an axis of at "
                "least one argument, or give axis_size.",
            ),
        ),
        (r"specification must be a tree prefix of the corresponding value", _keys),
        (
            r"at vmap (?P<place>out_axes\S*), got axis spec None but output was batched",
            _told(
                "out_axes_none",
                "<place> is None, but that output depends on a mapped argument, so it differs from example "
                "to example. Give it an axis, such as 0.",
            ),
        ),
        (
            r"ValueError: axis (?P<axis>-?\d+) is out of bounds for array of dimension (?P<rank>\d+)",
            _told(
                "axis_out_of_range",
                "An axis is asked for that the array does not have: axis <axis> of one with <rank> axes. If "
                "it is out_axes: the result has one axis more than the function's own.",
            ),
        ),
        (
            r"TracerBoolConversionError",
            _told(
                "python_condition",
                "Python asks a mapped value whether it is true, for an `if`, `while`, `and`, `or` or "
                "`assert`, but it differs from example to example. Use jnp.where or lax.cond; "
                "lax.while_loop for a loop.",
            ),
        ),
        (
            r"TracerIntegerConversionError|__index__\(\) method was called",
            _told(
                "python_index",
                "Python needs a whole number from a mapped value, for an index of a list, a range or a "
                "shape. Index a jnp array instead, or pass the number unmapped as a Python value.",
            ),
        ),
        (
            r"TracerArrayConversionError|__array__\(\) was called",
            _told(
                "numpy_on_tracer",
                "A NumPy function is called on a mapped value, and NumPy cannot compute with it. Use jnp "
                "instead of np.",
            ),
        ),
        (
            r"NonConcreteBooleanIndexError|boolean indices must be concrete",
            _told(
                "boolean_mask",
                "A boolean mask would give every example a result of another length. Use jnp.where(mask, x, "
                "fill), or jnp.nonzero(mask, size=...).",
            ),
        ),
        (
            r"ConcretizationTypeError.*must be known statically",
            _told(
                "static_shape",
                "A shape, an axis or a size is taken from a mapped value, but has to be known before the "
                "run. Pass it unmapped as a Python value, with functools.partial say.",
            ),
        ),
        (
            r"ConcretizationTypeError",
            _told(
                "python_number",
                "Python needs the number itself (int(), float(), .item(), ...) of a mapped value, which "
                "differs from example to example. Compute with jnp, or pass it unmapped as a Python value.",
            ),
        ),
        (
            r"UnexpectedTracerError",
            _told(
                "leaked_tracer",
                "A value of one call was kept, in a global, a list or an attribute, and used after it. "
                "Return it from the function instead.",
            ),
        ),
        (
            r"unbound axis name: (?P<name>\w+)",
            _told(
                "unbound_axis_name",
                "The function communicates along the axis name '<name>', which nothing around it binds. "
                "Give the vmap whose examples should communicate axis_name='<name>'.",
            ),
        ),
        (
            r"Output from batched function .* is not a valid JAX type",
            _told(
                "output_not_array",
                "The function returns something that is no array and no number. Return arrays, or a tuple, "
                "list or dict of them.",
            ),
        ),
        (
            r"Argument (?P<value>.{1,80}) of type <class (?P<type>'[^']+')> is not a valid JAX type",
            _told(
                "not_an_array",
                "An argument that vmap should map is <value>, of type <type>, and no array. Give it None in "
                "in_axes.",
            ),
        ),
        (
            r"vmap\(\) got an unexpected keyword argument '(?P<name>\w+)'",
            _told(
                "unknown_parameter",
                "jax.vmap has no parameter <name>. The axes go into in_axes and out_axes.",
            ),
        ),
        (
            r"only supported for the pure_callback primitive when vmap_method",
            _told(
                "vmap_method",
                "A pure_callback under vmap needs to know what it is handed: give it "
                "vmap_method='sequential' for one example at a time, or 'expand_dims' for all at once.",
            ),
        ),
        (
            r"dot_general requires (?:contracting|lhs batch).*got (?P<a>\([\d, ]*\)) and (?P<b>\([\d, ]*\))",
            _told(
                "operand_shapes",
                "Inside the function, a product meets axes of sizes <a> and <b>, which have to be equal. "
                "The function sees one example: the mapped axes are gone from its arguments.",
            ),
        ),
        (
            r"incompatible shapes for broadcasting: (?P<shapes>\([^\n]*\))",
            _told(
                "operand_shapes",
                "Inside the function, arrays of shapes <shapes> meet that do not broadcast. The function "
                "sees one example: the mapped axes are gone from its arguments.",
            ),
        ),
        (
            r"Batching rule for '(?P<name>[^']+)' not implemented",
            _told(
                "no_batching_rule",
                "JAX has no rule to map <name>. Run the examples one after another with jax.lax.map, or "
                "give the operation a rule with jax.custom_batching.custom_vmap.",
            ),
        ),
        (
            r"RESOURCE_EXHAUSTED|[Oo]ut of memory",
            _told(
                "memory",
                "The memory was used up. Take fewer examples at a time, with jax.lax.map and batch_size, or "
                "sum before the large intermediate is made.",
            ),
        ),
    )
)

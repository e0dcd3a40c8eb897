"""Shape specs: `f32[3,2]`, `normal(f32[3,2])`, `key[4]` inside any argument text.

    Argument.value ─▶ ShapeSpec + plain Python text ─▶ analysis/parsing

Pure text: nothing is evaluated here. A spec becomes a name of the same width, so the line and
column numbers of whatever Python says about the rest stay those of the user's text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Container
from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

from explainer.errors import SpecError

Fill = Literal["distinct", "arange", "normal", "zeros", "ones"]
FILLS: tuple[Fill, ...] = get_args(Fill)

DTYPES = {
    "bool": "bool",
    "key": "key",
    "bf16": "bfloat16",
    **{f"f{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"i{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"u{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"c{bits}": f"complex{bits}" for bits in (64, 128)},
}
"""Short name -> NumPy's name. Both are accepted: `f32[3]` and `float32[3]`."""

MOST_ELEMENTS = 2**63 - 1  # JAX counts them in 64 bits

_NAMES = {**DTYPES, **{name: name for name in DTYPES.values()}}
_SHORT = {name: short for short, name in DTYPES.items()}
_TOKEN = re.compile(
    r"""(?P<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
      | (?<![\w.])(?:(?P<fill>distinct|arange|normal|zeros|ones)\s*\(\s*)?
        (?P<dtype>[A-Za-z_]\w*)\[(?P<dims>[^\[\]]*)(?P<close>\]?)(?P<end>(?(fill)\s*\)))""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class ShapeSpec:
    """An array asked for by dtype and shape; its values are made when the program runs."""

    dtype: str  # NumPy's name, or "key" for typed random keys
    shape: tuple[int, ...]
    fill: Fill = "distinct"

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    def __str__(self) -> str:
        return f"{short_dtype(self.dtype)}[{','.join(map(str, self.shape))}]"


def short_dtype(dtype: str) -> str:
    """Returns JAX's short name of a dtype: float32 -> f32, key<fry> -> key<fry>."""
    return _SHORT.get(dtype, dtype)


def parse_spec(text: str) -> ShapeSpec:
    """Reads a text that is one shape spec and nothing else; raises SpecError with a column."""
    python, specs = substitute(text, ())
    if list(specs) != [python.strip()]:
        raise SpecError("not a shape spec such as f32[3,2]", text, 0)
    return next(iter(specs.values()))


def substitute(text: str, taken: Container[str]) -> tuple[str, dict[str, ShapeSpec]]:
    """Replaces every shape spec by a name of the same width.

    "{'w': f32[2], 'b': f32[]}"  ->  "{'w': _0    , 'b': _1   }", {"_0": f32[2], "_1": f32[]}

    Names in `taken` are the user's own variables: `key[0]` indexes their `key`.
    Raises SpecError where a spec is begun but cannot be read.
    """
    specs: dict[str, ShapeSpec] = {}

    def replace(match: re.Match[str]) -> str:
        dtype = match["dtype"]
        if match["string"] or dtype not in _NAMES or dtype in taken:
            return match[0]
        spec = ShapeSpec(_NAMES[dtype], _dims(match, text), _fill(match))
        if spec.size > MOST_ELEMENTS:
            raise SpecError(f"{spec} has more elements than any machine can count", text, match.start("dims"))
        name = f"_{len(specs)}"
        specs[name] = spec
        return name.ljust(len(match[0]))

    return _TOKEN.sub(replace, text), specs


def with_fill(text: str, fill: Fill) -> str:
    """Writes a text of shape specs anew with another fill: f32[3] -> normal(f32[3]).

    Everything that is not a shape spec stays as it is.
    """

    def replace(match: re.Match[str]) -> str:
        if match["string"] or match["dtype"] not in _NAMES or not match["close"]:
            return match[0]
        spec = f"{match['dtype']}[{match['dims']}]"
        return spec if fill == "distinct" else f"{fill}({spec})"

    return _TOKEN.sub(replace, text)


def near_dtype(name: str) -> str | None:
    """Returns the dtype name that a mistyped one probably meant: f33 -> f32."""
    return next(iter(difflib.get_close_matches(name, _NAMES, n=1)), None)


def _fill(match: re.Match[str]) -> Fill:
    given: dict[str, Fill] = {fill: fill for fill in FILLS}
    return given.get(match["fill"], "distinct")


def _dims(match: re.Match[str], text: str) -> tuple[int, ...]:
    start = match.start("dims")
    if not match["close"]:
        raise SpecError(f"the [ of {match['dtype']} is never closed: write ]", text, start - 1)
    parts = match["dims"].split(",")
    if parts[-1].strip() == "":  # f32[] and f32[3,] are fine
        parts.pop()
    sizes = []
    for part in parts:
        if not re.fullmatch(r"\s*\d[\d_]*\s*", part):
            column = start + len(part) - len(part.lstrip())
            raise SpecError(
                f"{part.strip() or 'nothing'!r} is not an axis size: sizes are whole numbers ≥ 0",
                text,
                column,
            )
        sizes.append(int(part))
        start += len(part) + 1
    return tuple(sizes)

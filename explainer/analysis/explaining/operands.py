"""Operands: the parts of the user's expression that failed, with their types and where they come from.

    traceback, partial jaxpr ──▶ site ──▶ Site: the expression, its operands ──▶ conflicts, concrete

No code of the user's runs for it. A part is a name in the failing frame, an attribute or item that can
be read without a call, or an expression whose equation was traced before the failure.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax import lax

from explainer.analysis import internals
from explainer.analysis.explaining.scene import Handed, Scene, handed_leaves, type_name
from explainer.analysis.failing.callsites import parsed
from explainer.analysis.spans import Place
from explainer.analysis.values import dtype_name
from explainer.report import Span

_MISSING = object()
_LONGEST = 48  # characters of an expression that is named in a sentence


@dataclass(frozen=True, slots=True)
class Operand:
    """One part of an expression. `leaves` are the array inputs of the mapped function it is made from.

    `whole`: it is one of them as it is. `roots` are inputs of a function traced inside: by jit, scan, ...
    """

    text: str
    span: Span
    dtype: str
    shape: tuple[int, ...]
    traced: bool = False
    leaves: tuple[Handed, ...] = ()
    whole: bool = False
    roots: tuple[internals.Root, ...] = ()

    @property
    def type(self) -> str:
        return type_name(self.dtype, self.shape)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the user's code failed: the expression `node`, under `parents`, innermost first."""

    scene: Scene
    place: Place
    node: ast.expr
    parents: tuple[ast.AST, ...]
    outer: tuple[Place, ...] = ()  # the calls that led here, innermost first

    @property
    def text(self) -> str:
        return self.text_of(self.node)

    @property
    def span(self) -> Span:
        return self.place.span_of(self.node)

    def text_of(self, node: ast.AST, longest: int = _LONGEST) -> str:
        """Returns the text of a part on one line, cut where it is long."""
        text = self.scene.sources.text(self.place.span_of(node))
        return text if len(text) <= longest else f"{text[: longest - 1]}…"

    def operand(self, node: ast.expr) -> Operand | None:
        """Describes a part that is an array; None for anything else, and where it is not known."""
        value = self.value(node)
        if value is _MISSING:
            return self._traced_before(node)
        return self._of_value(node, value)

    def value(self, node: ast.expr) -> Any:
        """Returns what a part is, where that can be read without running any code; else `_MISSING`."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            frame = self.place.frame
            scopes = (frame.f_locals, frame.f_globals, vars(builtins))
            return next((scope[node.id] for scope in scopes if node.id in scope), _MISSING)
        if isinstance(node, ast.Attribute):
            return _attribute(self.value(node.value), node.attr)
        if isinstance(node, ast.Subscript):
            return _item(self.value(node.value), self.value(node.slice))
        return self._built(node)

    def _built(self, node: ast.expr) -> Any:
        """Returns what a negative number, a tuple or a list is, as `value` does."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self.value(node.operand)
            return -inner if type(inner) in (int, float) else _MISSING
        if isinstance(node, (ast.Tuple, ast.List)):
            items = [self.value(item) for item in node.elts]
            return _MISSING if any(item is _MISSING for item in items) else tuple(items)
        return _MISSING

    def known(self, node: ast.expr) -> bool:
        """Tells whether `value` knows a part."""
        return self.value(node) is not _MISSING

    def described(self, node: ast.expr, value: Any, text: str) -> Operand | None:
        """Describes a value that a part holds, by another text: xs[0] of xs."""
        one = self._of_value(node, value)
        return None if one is None else replace(one, text=text)

    def _of_value(self, node: ast.expr, value: Any) -> Operand | None:
        if isinstance(value, (bool, int, float, complex)):
            return Operand(self.text_of(node), self.place.span_of(node), type(value).__name__, ())
        if not isinstance(value, (jax.Array, np.ndarray, np.generic)):
            return None
        shape = tuple(value.shape)
        span = self.place.span_of(node)
        described = Operand(self.text_of(node), span, dtype_name(value.dtype), shape)
        bare = internals.unwrapped(value)
        if not internals.is_tracer(bare):
            return self._kept(described, bare)
        return self._made_from(described, internals.variable(value), tuple(internals.roots(value)))

    def _kept(self, operand: Operand, value: Any) -> Operand:
        """Finds an argument that no level maps, handed on as it is."""
        program, nest = self.scene.program, self.scene.nest
        if program is None or nest is None or not nest.kept:
            return operand
        here = handed_leaves(program, len(program.levels))
        given = program.values()
        leaf = next((here[n] for n in nest.kept if given[n] is value), None)
        return operand if leaf is None else replace(operand, leaves=(leaf,), whole=True)

    def _traced_before(self, node: ast.expr) -> Operand | None:
        """Describes an expression by the last equation that was made for it."""
        equations = self._equations()
        span = self.place.span_of(node)
        for eqn in reversed(equations):
            if eqn.outvars and self.scene.sources.of_equation(eqn).span == span:
                var = eqn.outvars[0]
                if not hasattr(var.aval, "shape"):
                    return None
                aval = internals.aval_of(var)
                described = Operand(self.text_of(node), span, dtype_name(aval.dtype), tuple(aval.shape))
                return self._made_from(described, var, ())
        return None

    def _equations(self) -> list[Any]:
        nest = self.scene.nest
        if nest is None or nest.partial is None:
            return []
        return [eqn for eqn in nest.partial.closed.jaxpr.eqns if eqn.primitive is not internals.probe_p]

    def _made_from(self, operand: Operand, var: Any, roots: tuple[internals.Root, ...]) -> Operand:
        """Adds the inputs that a traced value is made from."""
        program, nest = self.scene.program, self.scene.nest
        if program is None or nest is None or nest.partial is None:
            return replace(operand, traced=True, roots=roots)
        inputs = nest.partial.closed.jaxpr.invars
        starts = [var, *(root.variable for root in roots)]
        positions = sorted(set(_inputs_behind(starts, inputs, self._equations())))
        here = handed_leaves(program, len(program.levels))
        leaves = tuple(here[nest.traced[n]] for n in positions)
        own = {id(one) for one in inputs} | {id(out) for eqn in self._equations() for out in eqn.outvars}
        others = tuple(root for root in roots if id(root.variable) not in own)
        whole = any(var is one for one in inputs)
        return self._handed_in(replace(operand, traced=True, leaves=leaves, whole=whole, roots=others))

    def _handed_in(self, operand: Operand) -> Operand:
        """Follows the inputs of a jitted function to what it is called with."""
        if not operand.roots or operand.leaves:
            return operand
        given = self._given()
        handed = [_of_name(given, root.name) for root in operand.roots]
        leaves = {leaf.path: leaf for one in handed if one is not None for leaf in one.leaves}
        first = handed[0]
        own = internals.variable(_local(self.place.frame, operand.text))
        whole = len(handed) == 1 and first is not None and first.whole and own is operand.roots[0].variable
        return replace(operand, leaves=tuple(leaves.values()), whole=whole)

    def _given(self) -> dict[str, Operand]:
        """Returns what the function that this is in was called with, by its parameters' names."""
        code = self.place.frame.f_code
        parameters = code.co_varnames[: code.co_argcount]
        program = self.scene.program
        if program is not None and _code(program.function) is code:
            here = handed_leaves(program, len(program.levels))
            names = [argument.name for argument in program.arguments if not argument.keyword]
            renamed = dict(zip(names, parameters, strict=False))
            return {
                renamed.get(leaf.operand.argument, leaf.operand.argument)
                + leaf.path[len(leaf.operand.argument) :]: _whole(leaf, self.place.span)
                for leaf in here.values()
            }
        caller = self._caller()
        if caller is None or not isinstance(caller.node, ast.Call):
            return {}
        called = caller.value(caller.node.func)
        if _code(called) is not code:  # not this function, but a loop or a branch that is given it
            taken = zip(parameters, _handed_by(called, caller.node), strict=False)
            described = ((name, caller.operand(node)) for name, node in taken if node is not None)
            return {name: replace(one, whole=False) for name, one in described if one is not None}
        pairs = [*zip(parameters, caller.node.args, strict=False)]
        pairs += [(word.arg, word.value) for word in caller.node.keywords if word.arg is not None]
        described = ((name, caller.operand(node)) for name, node in pairs)
        return {name: one for name, one in described if one is not None}

    def _caller(self) -> Site | None:
        """Returns the call of the jitted function that this is in."""
        if not self.outer:
            return None
        place, *rest = self.outer
        tree = parsed(place.whole)
        found = None if tree is None else _find(tree, place)
        if found is None or not isinstance(found[0], ast.Call):
            return None
        caller = Site(self.scene, place, *found, outer=tuple(rest))
        code = self.place.frame.f_code
        given = (caller.value(part) for part in (found[0].func, *found[0].args))
        return caller if any(value is not _MISSING and _code(value) is code for value in given) else None


def site(scene: Scene) -> Site | None:
    """Returns where the user's code failed, with the frame it failed in; None where that is not known."""
    nest = scene.nest
    errors = [scene.error]
    if nest is not None and nest.error is not None and type(nest.error) is type(scene.error):
        errors.insert(0, nest.error)  # its tracers stand for variables of the partial jaxpr
    for error in errors:
        places = scene.sources.places_of_error(error)
        tree = parsed(places[-1].whole) if places else None
        found = None if tree is None else _find(tree, places[-1])
        if found is not None:
            return Site(scene, places[-1], *found, outer=tuple(reversed(places[:-1])))
    return None


def _code(function: Any) -> types.CodeType | None:
    """Returns the code of a function, that of the one inside jax.jit and the like."""
    return getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None


def _handed_by(called: Any, call: ast.Call) -> list[ast.expr | None]:
    """Returns what a loop or branch of JAX's hands to a function, parameter by parameter."""
    args: list[ast.expr | None] = [*call.args]
    args += [None] * (4 - len(args))
    if called is lax.scan:
        return args[1:3]
    if called is lax.map:
        return args[1:2]
    if called is lax.fori_loop:
        return [None, args[3]]
    return args[2:3] if called is lax.while_loop else args[3:] if called is lax.cond else []


def _of_name(given: Mapping[str, Operand], name: str) -> Operand | None:
    """Returns what a parameter was given, or the parameter that a leaf is of: carry[0] of carry."""
    if name in given:
        return given[name]
    base = name.split("[")[0].split(".")[0]
    return replace(given[base], whole=False) if base in given else None


def _local(frame: types.FrameType, name: str) -> Any:
    return frame.f_locals.get(name)


def _whole(leaf: Handed, span: Span) -> Operand:
    return Operand(leaf.path, span, leaf.dtype, leaf.shape, True, (leaf,), True)


def check(scene: Scene) -> Site | None:
    """Returns the condition of the user's own assert, or of the `if` around a raise, that ended the call."""
    for error in (scene.nest.error if scene.nest is not None else None, scene.error):
        places = [] if error is None else scene.sources.places_of_error(error)
        tree = parsed(places[-1].whole) if places else None
        for node, parents in _walk(tree, ()) if tree is not None else ():
            if places[-1].span_of(node) != places[-1].span:
                continue
            around = next((one for one in parents if isinstance(one, ast.If)), None)
            if isinstance(node, ast.Raise) and around is not None:
                return Site(scene, places[-1], around.test, parents)
            owner = node if isinstance(node, ast.Assert) else next(iter(parents), None)
            if isinstance(owner, ast.Assert) and isinstance(scene.error, AssertionError):
                return Site(scene, places[-1], owner.test, (owner, *parents))
    return None


def around(place: Place) -> tuple[ast.AST, ...]:
    """Returns the nodes around the expression at a place, innermost first."""
    tree = parsed(place.whole)
    found = None if tree is None else _find(tree, place)
    return () if found is None else found[1]


def _find(tree: ast.Module, place: Place) -> tuple[ast.expr, tuple[ast.AST, ...]] | None:
    """Returns the expression at a place, and the nodes around it, innermost first."""
    for node, parents in _walk(tree, ()):
        if isinstance(node, (ast.expr, ast.stmt)) and place.span_of(node) == place.span:
            if isinstance(node, ast.AugAssign):  # x += y is told as x + y
                left = ast.copy_location(_loaded(node.target), node.target)
                return ast.copy_location(ast.BinOp(left, node.op, node.value), node), (node, *parents)
            if isinstance(node, (ast.If, ast.While, ast.Assert)):
                return node.test, (node, *parents)
            if isinstance(node, ast.For):
                return node.iter, (node, *parents)
            if isinstance(node, ast.expr):
                return node, parents
    return None


def _loaded(target: ast.expr) -> ast.expr:
    return ast.Name(target.id, ast.Load()) if isinstance(target, ast.Name) else target


def _walk(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    yield node, parents
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, (node, *parents))


def _attribute(value: Any, name: str) -> Any:
    """Reads an attribute that is stored as such: no property runs."""
    if value is _MISSING or internals.is_tracer(value):
        return _MISSING
    if isinstance(value, types.ModuleType):
        return vars(value).get(name, _MISSING) if name in vars(value) else _lazy(value, name)
    found = inspect.getattr_static(value, name, _MISSING)
    if isinstance(found, (types.MemberDescriptorType, property)):
        return found.__get__(value) if isinstance(found, types.MemberDescriptorType) else _MISSING
    stored = getattr(value, "__dict__", None)
    if isinstance(stored, Mapping) and name in stored:
        return stored[name]
    fields = getattr(value, "_fields", ())
    if isinstance(value, tuple) and name in fields:
        return value[fields.index(name)]
    return _MISSING


def _lazy(module: types.ModuleType, name: str) -> Any:
    """Reads a name that one of JAX's modules makes when it is asked for."""
    return getattr(module, name, _MISSING) if module.__name__.split(".")[0] == "jax" else _MISSING


def _item(value: Any, index: Any) -> Any:
    """Reads an item of a dict, list or tuple."""
    if type(value) in (list, tuple) and type(index) is int and -len(value) <= index < len(value):
        return value[index]
    if type(value) is dict and isinstance(index, (str, int)) and index in value:
        return value[index]
    return _MISSING


def _inputs_behind(starts: list[Any], inputs: list[Any], equations: list[Any]) -> Iterator[int]:
    """Lists the positions of the inputs that variables are computed from."""
    wanted = {id(var) for var in starts if var is not None}
    for eqn in reversed(equations):
        if any(id(out) in wanted for out in eqn.outvars):
            wanted.update(id(atom) for atom in eqn.invars)
    yield from (n for n, var in enumerate(inputs) if id(var) in wanted)

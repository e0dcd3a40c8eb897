"""The stack of transformations as plain data: what each hands its function and what it gives back.

    analysis/layering ─▶ Layer ─▶ Report.layers ─▶ sandwich, text, ui, page

jit(vmap(value_and_grad(loss), (None, 0)))(w, X) has the layers jit, vmap and value_and_grad, each the
parent of the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from explainer.xray import MappedLeaf, Span

MOST = 400  # places of code with a transformation that are told apart


@dataclass(frozen=True, slots=True)
class Layer:
    """One transformation at one place of the code, in the order of the calls.

    `arrived` comes from outside and `left` goes back there; `handed` is what its function sees and
    `returned` what that gives, as one example of the levels around sees them. Empty with its name in
    `unseen`: JAX does not show it, or the run ended before. The axis of a leaf is one that this layer
    takes off or puts on.

    vmap i over loss: arrived X f32[8,3] axis 0, handed X f32[3], returned out f32[], left out f32[8] axis 0
    """

    id: int
    parent: int | None
    kind: str  # "jit", "vmap", "scan", ...; of a part of the layer around: "if true", "branch 1", "body"
    function: str  # what it is around: "loss", or the layer that it calls itself: "vmap(loss)"
    span: Span | None  # the user's expression that called it
    source: str = ""  # the text of that
    arrived: tuple[MappedLeaf, ...] = ()
    handed: tuple[MappedLeaf, ...] = ()
    returned: tuple[MappedLeaf, ...] = ()
    left: tuple[MappedLeaf, ...] = ()
    pulled: tuple[MappedLeaf, ...] = ()  # the cotangents that its backward pass was given
    gradients: tuple[MappedLeaf, ...] = ()  # what that gave
    by: tuple[str, ...] = ()  # the paths in `handed` that it differentiates by
    unseen: tuple[str, ...] = ()  # names of the fields above of which nothing is known
    level: int | None = None  # the level that it is
    name: str = ""  # of that level: "i"
    part: bool = False  # one of the functions of the layer around it
    made_by: str = ""  # "" the user's own code; else "jax.jacfwd", "equinox", ...
    count: int = 1  # calls from one place, alike in function text and shapes
    same: int | None = None  # the layer whose trace JAX used again, so that nothing was met inside

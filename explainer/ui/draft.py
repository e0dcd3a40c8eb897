"""The draft: what stands in the page's fields, as plain data, and every edit of it.

    widgets ─▶ Draft ─ request() ─▶ sandbox

Rows carry a `uid`, so that a field keeps its identity when rows are added, removed or swapped.
A muted level stays in the draft but not in the request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from explainer.spec import Argument, Request, Vmap


@dataclass(frozen=True, slots=True)
class ArgumentRow:
    """One argument in the form."""

    uid: int
    argument: Argument


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One vmap in the form, outermost first."""

    uid: int
    vmap: Vmap
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything in the fields. `version` grows when the text is replaced, not typed."""

    code: str = ""
    function: str = ""
    arguments: tuple[ArgumentRow, ...] = ()
    levels: tuple[LevelRow, ...] = ()
    wanted: str = ""
    version: int = 0
    next_uid: int = 0

    def request(self) -> Request:
        """Returns the request these fields make, muted levels left out."""
        return Request(
            code=self.code,
            function=self.function,
            arguments=tuple(row.argument for row in self.arguments),
            levels=tuple(row.vmap for row in self.levels if not row.muted),
            wanted=self.wanted,
        )


def from_request(request: Request, version: int = 0, next_uid: int = 0) -> Draft:
    """Returns the fields that hold `request`, with uids from `next_uid` on."""
    first_level = next_uid + len(request.arguments)
    return Draft(
        code=request.code,
        function=request.function,
        arguments=tuple(ArgumentRow(next_uid + n, item) for n, item in enumerate(request.arguments)),
        levels=tuple(LevelRow(first_level + n, item) for n, item in enumerate(request.levels)),
        wanted=request.wanted,
        version=version,
        next_uid=first_level + len(request.levels),
    )


def replaced(draft: Draft, request: Request) -> Draft:
    """Returns fields that hold another request, none of them mistaken for one of `draft`."""
    return from_request(request, version=draft.version + 1, next_uid=draft.next_uid)


def renewed(draft: Draft) -> Draft:
    """Returns the same fields under new identities, for a page that has not drawn them yet."""
    first_level = draft.next_uid + len(draft.arguments)
    return replace(
        draft,
        arguments=tuple(replace(row, uid=draft.next_uid + n) for n, row in enumerate(draft.arguments)),
        levels=tuple(replace(row, uid=first_level + n) for n, row in enumerate(draft.levels)),
        version=draft.version + 1,
        next_uid=first_level + len(draft.levels),
    )


def applied(draft: Draft, request: Request) -> Draft:
    """Returns fields that hold an edited request; rows that the edit left as they are keep their identity.

    Muted levels stay where the nest is as deep as before, else they are gone.
    """
    fresh = replaced(draft, request)
    active = [row for row in draft.levels if not row.muted]
    levels = fresh.levels
    if len(active) == len(levels):
        edited = iter(levels)
        merged = (row if row.muted else _kept(row, next(edited)) for row in draft.levels)
        levels = tuple(merged)
    arguments = fresh.arguments
    if len(draft.arguments) == len(arguments):
        pairs = zip(draft.arguments, arguments, strict=True)
        arguments = tuple(old if old.argument == new.argument else new for old, new in pairs)
    return replace(fresh, arguments=arguments, levels=levels)


def add_argument(draft: Draft) -> Draft:
    """Appends an argument with a name not yet taken."""
    taken = {row.argument.name for row in draft.arguments}
    name = next(name for name in (*"xyzuvw", *(f"x{n}" for n in range(len(taken) + 1))) if name not in taken)
    row = ArgumentRow(draft.next_uid, Argument(name, "f32[3]"))
    return replace(draft, arguments=(*draft.arguments, row), next_uid=draft.next_uid + 1)


def remove_argument(draft: Draft, uid: int) -> Draft:
    """Takes one argument out."""
    return replace(draft, arguments=tuple(row for row in draft.arguments if row.uid != uid))


def set_argument(draft: Draft, uid: int, argument: Argument) -> Draft:
    """Puts what was typed into one row."""
    rows = (replace(row, argument=argument) if row.uid == uid else row for row in draft.arguments)
    return replace(draft, arguments=tuple(rows))


def add_level(draft: Draft) -> Draft:
    """Appends an innermost level that maps axis 0 of every argument."""
    row = LevelRow(draft.next_uid, Vmap())
    return replace(draft, levels=(*draft.levels, row), next_uid=draft.next_uid + 1)


def remove_level(draft: Draft, uid: int) -> Draft:
    """Takes one level out of the nest."""
    return replace(draft, levels=tuple(row for row in draft.levels if row.uid != uid))


def swap_level(draft: Draft, uid: int, by: int) -> Draft:
    """Moves a level outwards (by=-1) or inwards (by=1); at the end of the nest it stays."""
    rows = list(draft.levels)
    here = next((n for n, row in enumerate(rows) if row.uid == uid), None)
    if here is None or not 0 <= here + by < len(rows):
        return draft
    rows[here], rows[here + by] = rows[here + by], rows[here]
    return replace(draft, levels=tuple(rows))


def mute_level(draft: Draft, uid: int) -> Draft:
    """Leaves a level out of the nest, or puts it back."""
    rows = (replace(row, muted=not row.muted) if row.uid == uid else row for row in draft.levels)
    return replace(draft, levels=tuple(rows))


def set_level(draft: Draft, uid: int, vmap: Vmap) -> Draft:
    """Puts what was typed into one level."""
    rows = (replace(row, vmap=vmap) if row.uid == uid else row for row in draft.levels)
    return replace(draft, levels=tuple(rows))


def set_wanted(draft: Draft, wanted: str) -> Draft:
    """Puts in the output that is wanted."""
    return replace(draft, wanted=wanted)


def _kept(old: LevelRow, new: LevelRow) -> LevelRow:
    return old if old.vmap == new.vmap else new

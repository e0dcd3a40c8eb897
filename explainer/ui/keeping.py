"""Keeping: what lets a draft outlive its session, if its process ends or the page is loaded anew.

    Draft ─▶ address ── r, at | d | kept ──▶ session ─▶ Draft, every row with the uid it had

The browser sends what stands in its fields to the next session by the uids of their rows. So that no text
lands in another row, the rows keep their uids: `r` and `example` number them anew, `at` says from where on,
`d` holds the whole draft. What is too long for an address stays in the browser's tab under the name `kept`.
"""

from __future__ import annotations

import re

from explainer import links
from explainer.spec import Request
from explainer.ui import draft as drafts
from explainer.ui.draft import Draft

LARGEST = 1_000_000  # bytes; of a text too long to be run, too
_AT = re.compile(r"(\d{1,9})\.(\d{1,9})")


def numbered(draft: Draft) -> str:
    """Returns where the numbers of a draft start, "version.uid"; "" if they are those of no row order.

    A draft just opened has "0.0". One whose rows were added, removed, moved or muted has none.
    """
    rows = (*draft.arguments, *draft.levels)
    first = rows[0].uid if rows else draft.next_uid
    plain = drafts.from_request(draft.request(), draft.version, first)
    return f"{draft.version}.{first}" if plain == draft else ""


def from_number(at: str, request: Request) -> Draft:
    """Returns the draft of a request whose numbers start at `at`; at the beginning if it says nothing."""
    found = _AT.fullmatch(at)
    version, first = (int(found[1]), int(found[2])) if found else (0, 0)
    return drafts.from_request(request, version, first)


def unpack(word: str) -> Draft:
    """Reads back what `links.pack` made of a draft; raises LinkError on what no page has written."""
    draft = links.unpack(word, Draft, LARGEST)
    rows = (*draft.arguments, *draft.levels)
    uids = {row.uid for row in rows}
    if len(rows) > links.MOST_ROWS or len(uids) < len(rows) or max(uids, default=-1) >= draft.next_uid:
        raise links.LinkError("The link is damaged: its rows can't be told apart. Ask for it again.")
    return draft

"""Privacy: what happens to what a visitor types, in words. Tests hold each sentence to what is shipped."""

from __future__ import annotations

from explainer.ui import markup
from explainer.ui.markup import escape, join, tag

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "What is processed",
        (
            "The code, arguments and axes in the fields are sent to the server of this page and run there, "
            "in a process of its own that serves one request and is ended with its answer. How far it is "
            "shut in stands beside every result.",
            "There is no account, nobody is asked for a name, and nothing is sent to anybody else: the page "
            "loads its fonts, scripts and pictures from its own server.",
        ),
    ),
    (
        "What is kept",
        (
            "On the server: while your tab is open and for a few minutes after, the text in the fields and "
            "the last explanations, in memory; finished explanations may be kept in memory longer, up to a "
            "fixed size, to answer the same request again. So that everybody has a turn, the queue remembers "
            "the last few hundred browsers and addresses, as hashes made with a key that is kept nowhere "
            "else. Nothing of it is written to disk, and all of it is gone when the server starts anew.",
            "In the address: the fields, packed into the part after the question mark. Whoever has the "
            "address has the code. Your browser keeps it in its history.",
            "In your browser: the cookies explainer_seat, a random number that leads you to the same one of "
            "several processes for a day, and _streamlit_xsrf, which guards against forged requests and "
            "tells your browser's from others' in the queue, until you close the browser. A text too long "
            "for an address lies in the tab's own storage (explainer-draft), and is gone with the tab. The "
            "choice of light or dark (stActiveTheme) stays until you clear it. None of them is read by "
            "anybody else.",
        ),
    ),
    (
        "What is logged",
        (
            "The web server notes of each request the time, the method, the path without what follows the "
            "question mark, which of the app's processes answered, the status, the size, how long it took, "
            "and the network of the address: of an IPv4 address without its last number, of an IPv6 address "
            "the first three groups.",
            "The app notes of each explanation the time, how long the code was, how many arguments and "
            "levels it had, how long it waited and each step took, how far it was shut in, how it ended, and "
            "at most a hash of your browser's cookie, made with a key that is forgotten when the server "
            "starts anew. Never the code, an argument, what it printed, or an error message.",
        ),
    ),
    (
        "Where this holds",
        (
            "It describes the page as it is shipped, with the web server's configuration from its deploy "
            "folder. On a computer of your own, all of it stays there.",
        ),
    ),
)


def show() -> None:
    """Shows what is processed, kept and logged."""
    title = tag("h2", "Privacy", "pg-title")
    parts = [
        join([tag("h3", escape(heading), "pg-h"), *(tag("p", escape(text)) for text in texts)])
        for heading, texts in SECTIONS
    ]
    markup.show(tag("div", join([title, *parts]), "pg-prose"))

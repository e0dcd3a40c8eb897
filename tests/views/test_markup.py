"""HTML from foreign text: code in sentences is set as code, and nothing becomes markup."""

from __future__ import annotations

import pytest

from explainer.views import markup


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`x @ W` fails", "<code>x @ W</code> fails"),
        ("plain", "plain"),
        ("", ""),
        ("an odd ` one", "an odd ` one"),
        ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
    ],
)
def test_code_in_a_sentence_is_set_as_code(text, expected):
    assert markup.prose(text) == expected

"""Words of strangers as they may stand in a message: a post must not ring a bell or lay out a link.

What an alert says quotes hashtags, links and names that anybody may have invented. In a chat `<!channel>` or
`@here` would call everybody, and an address could be clicked.
"""

from __future__ import annotations

import re

from streams.outputs.terminal import printable

_LOOKALIKES = str.maketrans({"<": "‹", ">": "›", "@": "＠", "\n": " ", "\r": " ", "\t": " "})
_HOST_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d_]{2})")


def harmless(text: str) -> str:
    """A text in one line that calls nobody, and of which nothing can be clicked.

    Addresses are written as those who investigate do, `https[:]//files[.]example`.

    >>> harmless("<!channel> see https://evil.example/x @here")
    '‹!channel› see https[:]//evil[.]example/x ＠here'
    >>> harmless("3.5 posts a second; 12 of 20.")
    '3.5 posts a second; 12 of 20.'
    """
    text = printable(text.translate(_LOOKALIKES)).replace("://", "[:]//")
    return _HOST_DOT.sub("[.]", text)

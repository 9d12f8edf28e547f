"""Secrets in what a server says: some echo the request, its ``Authorization`` included, into error pages."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

_SHORTEST = 4
"""Characters of a secret that is looked for: masking shorter ones would cut up every text."""
_SHORTEST_CORE = 8
SHOWN = "***"


class Masks:
    """Some secrets in all the spellings in which they may come back."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {text for secret in secrets if len(secret) >= _SHORTEST for text in _spellings(secret)}
        # The longest first: a part of a secret must not hide that there was more of it.
        ordered = sorted(spellings, key=lambda text: (-len(text), text))
        self._pattern = re.compile("|".join(ordered), re.IGNORECASE) if ordered else None

    def applied(self, text: str) -> str:
        """Return ``text`` with every secret in it masked."""
        return self._pattern.sub(SHOWN, text) if self._pattern is not None else text


def _spellings(secret: str) -> Iterator[str]:
    """Yield regular expressions for what a secret may look like: as text, escaped here and there, or encoded whole."""
    yield "".join(map(_character, secret))
    data = secret.encode()
    yield data.hex()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            # Within a longer text (a pair of user and password) only the middle of its base64 is always the same.
            core = encode(bytes(offset) + data).decode()[(0, 2, 3)[offset] :]
            whole = (offset + len(data)) % 3 == 0
            core = core if whole else core.rstrip("=")[:-1]
            if len(core) >= _SHORTEST_CORE:
                yield "".join(map(_character, core))


def _character(character: str) -> str:
    """Return a regular expression for a character, or what URLs, HTML and JSON write for it."""
    if character.isascii() and character.isalnum():
        return character
    code = ord(character)
    spelled = {
        character,
        quote(character, safe=""),
        "".join(f"%{byte:02X}" for byte in character.encode()),
        html.escape(character),
        f"&#{code};",
        f"&#x{code:x};",
        json.dumps(character)[1:-1],
        f"\\u{code:04x}",
        f"\\{character}",
        "+" if character == " " else character,
    }
    return f"(?:{'|'.join(re.escape(text) for text in sorted(spelled, key=lambda text: (-len(text), text)))})"

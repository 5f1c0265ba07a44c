"""Slugs: the names of locations in addresses."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

APOSTROPHES: Final = "'’‘\"“”`´"


@lru_cache(maxsize=4096)  # a document names the same few locations over and over
def slug_of(text: str) -> str:
    """A text as a slug: decoded, lower-case, letters and digits of any script, single hyphens between them.

    `Kyiv Central` is `kyiv-central`, and `Львів Склад` as well as its percent-encoded form is `львів-склад`. '' when
    nothing is left.
    """
    decoded = unicodedata.normalize("NFC", unquote(text)).lower()
    kept = "".join(_kept(character) for character in decoded if character not in APOSTROPHES)
    return "-".join(part for part in kept.split("-") if part)


def _kept(character: str) -> str:
    # letters, the marks that belong to them in many scripts, and digits
    return character if character == "_" or unicodedata.category(character)[0] in "LMN" else "-"

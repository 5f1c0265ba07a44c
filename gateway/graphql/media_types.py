"""Which media type a client wants: `Accept` with its quality values.

https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
ANSWERS: Final = (JSON, GRAPHQL_JSON)
"""What an operation can be answered in; the first one for those who do not care."""


@lru_cache(maxsize=512)
def preferred(accept: str, offered: tuple[str, ...] = ANSWERS) -> str | None:
    """The media type of those offered that a client likes best; None when it accepts none of them.

    The higher quality wins, then the more specific range, then what the client lists first, then what we list first.
    """
    ranges = list(_ranges(accept)) or [("*/*", 1.0, 0)]
    best: tuple[tuple[float, int, int], str] | None = None
    for media_type in offered:
        rank = _rank(media_type, ranges)
        if rank is not None and rank[0] > 0 and (best is None or rank > best[0]):
            best = (rank, media_type)
    return best[1] if best else None


def _rank(media_type: str, ranges: list[tuple[str, float, int]]) -> tuple[float, int, int] | None:
    """Quality, specificity and place of the most specific range that has a media type."""
    patterns = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    for specificity, pattern in zip((2, 1, 0), patterns, strict=True):
        for name, quality, place in ranges:
            if name == pattern:
                return quality, specificity, -place
    return None


def _ranges(accept: str) -> Iterator[tuple[str, float, int]]:
    for place, item in enumerate(accept.lower().split(",")):
        name, *parameters = (part.strip() for part in item.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        if name:
            yield name, _quality(quality), place


def _quality(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if 0 <= number <= 1 else 0.0


@lru_cache(maxsize=512)
def is_json(content_type: str) -> bool:
    """Whether a body is JSON in UTF-8."""
    name, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [part[8:].strip('"') for part in parameters if part.startswith("charset=")]
    return name == JSON and all(charset in {"utf-8", "utf8"} for charset in charsets)

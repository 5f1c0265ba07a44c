"""Headers that every dialect understands beside its own. Old clients do not send them and see no difference.

In: `Idempotency-Key`, `If-Match`, `X-Dry-Run`. Out: `X-Stock-Change-Group`, `X-Ignored-Fields`, `Idempotent-Replayed`,
`X-Dry-Run`, `ETag`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from starlette.datastructures import Headers

from storage.idempotency import KEY_LENGTH_MAX

REQUEST: Final = ("Idempotency-Key", "If-Match", "X-Dry-Run", "X-Request-Id")
"""What a client may send on top, whatever the dialect."""
ANSWER: Final = (
    "ETag", "Idempotent-Replayed", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After",
    "X-Dry-Run", "X-Ignored-Fields", "X-Request-Id", "X-Stock-Change-Group",
)  # fmt: skip
"""What it may be given on top."""

_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"", "0", "false", "no", "off"})
_TAGS: Final = re.compile(r'(?:W/)?"([^"]*)"|([^\s,"]+)')


class InvalidHeaderError(Exception):
    """A header is there but cannot be understood. Each dialect answers 400 in its own shape."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name, self.message = name, message


@dataclass(frozen=True)
class ExtraHeaders:
    """What a request asks for beyond its body.

    `dry_run`: answer, but write nothing. `if_match`: the tags of which one has to be that of what is changed, as they
    were given in `ETag`, without quotes; None asks for none.
    """

    idempotency_key: str | None = None
    dry_run: bool = False
    if_match: tuple[str, ...] | None = None

    @classmethod
    def of(cls, headers: Headers) -> Self:
        """Read them. Raises InvalidHeaderError for one that is there but cannot be understood."""
        return cls(
            idempotency_key=text_of(headers, "Idempotency-Key"),
            dry_run=_dry_run(headers.get("x-dry-run", "")),
            if_match=_tags(headers.getlist("if-match")),
        )

    @property
    def expected(self) -> str | None:
        """The one tag of If-Match, for what has one version. Raises InvalidHeaderError when there are several."""
        if self.if_match is None:
            return None
        if len(self.if_match) > 1:
            raise InvalidHeaderError("If-Match", "If-Match takes one ETag, that of the last answer.")
        return "".join(self.if_match)


def text_of(headers: Headers, name: str, *, longest: int = KEY_LENGTH_MAX) -> str | None:
    """A header's text; None when it is absent or empty. Raises InvalidHeaderError for one that names nothing.

    Here and not where it is used: a request that has nothing to do would never get there.
    """
    value = headers.get(name, "").strip(" \t")
    if len(value) > longest:
        raise InvalidHeaderError(name, f"{name} has more than {longest} characters.")
    if not value.isprintable():
        raise InvalidHeaderError(name, f"{name} has characters that cannot be printed.")
    return value or None


def changed_headers(
    *,
    group_id: int | None = None,
    replayed: bool = False,
    dry_run: bool = False,
    etag: str | int | None = None,
    ignored: Iterable[str] = (),
) -> dict[str, str]:
    """Where to find in the ledger what a request did, whether it did it now or before, and what came of it.

    `etag` is a version, `ignored` the fields that were not written because they have another owner. Of a dry run there
    is no group: its number went back with everything else.
    """
    headers = {} if etag is None else {"ETag": f'"{etag}"'}
    if fields := sorted(set(ignored)):
        headers["X-Ignored-Fields"] = ", ".join(fields)
    if dry_run:
        return headers | {"X-Dry-Run": "1"}
    if group_id is not None:
        headers["X-Stock-Change-Group"] = str(group_id)
    return headers | {"Idempotent-Replayed": "true"} if replayed else headers


def _dry_run(value: str) -> bool:
    """A dry run that is misspelt must not become a real one: what is neither yes nor no is refused."""
    text = value.strip().lower()
    if text in _YES or text in _NO:
        return text in _YES
    raise InvalidHeaderError("X-Dry-Run", "X-Dry-Run is 1 or 0.")


def _tags(values: list[str]) -> tuple[str, ...] | None:
    """`*` matches whatever is there. A weak tag counts as strong: proxies that compress make them so; and so does one
    without quotes, as people write it."""
    text = ",".join(values).strip()
    if text in {"", "*"}:
        return None
    return tuple(quoted or bare for quoted, bare in _TAGS.findall(text))

"""What a route answers, before the conventions dress it, and the JSON that PHP would write."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Answer:
    """A body of plain JSON values, its status, and headers of its own."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class RestError(Exception):
    """A refusal in WordPress's envelope: `{"code": …, "message": …, "data": {"status": …}}`."""

    def __init__(
        self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None, **data: Any
    ) -> None:
        super().__init__(message)
        self.answer = Answer(
            {"code": code, "message": message, "data": {"status": status, **data}}, status, headers or {}
        )


def no_route() -> RestError:
    """No route has this path, or none with this method: WordPress does not tell the two apart."""
    return RestError(404, "rest_no_route", "No route was found matching the URL and request method.")


def invalid_parameter(name: str, code: str, message: str) -> RestError:
    """A query or body parameter that cannot be read. `code` is the detail's, such as `rest_invalid_date`."""
    return RestError(
        400,
        "rest_invalid_param",
        f"Invalid parameter(s): {name}",
        params={name: message},
        details={name: {"code": code, "message": message, "data": None}},
    )


def _escape(error: UnicodeError) -> tuple[str, int]:
    """A run of text outside ASCII as `\\uXXXX`."""
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 (for the type checker: only encoding comes here)
    return encode_basestring_ascii(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error("stockgate.json", _escape)


def encode(body: Any, *, pretty: bool = False) -> bytes:
    """JSON as PHP writes it: `/` as `\\/`, everything outside ASCII as `\\uXXXX`, indented by four when pretty."""
    if pretty:
        return json.dumps(orjson.loads(orjson.dumps(body)), indent=4).replace("/", "\\/").encode()
    text = orjson.dumps(body)
    if not text.isascii():  # JSON has such text in strings only: what is around it stays as it is
        text = text.decode().encode("ascii", "stockgate.json")
    return text.replace(b"/", b"\\/")

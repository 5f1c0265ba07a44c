"""Request bodies, within the size that the settings allow."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final, NoReturn

import orjson
from starlette.requests import Request

from storage import deadline

_EXACT_DIGITS_MAX: Final = 18
DEPTH_MAX: Final = 200
"""How deeply JSON may nest. What is read is written again, within answers, and the encoder's limit is 254."""


class BodyTooLargeError(Exception):
    """The body is larger than `bytes_max`; no more of it was read than that."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"The request body is larger than {bytes_max} bytes.")


async def read_body(request: Request) -> bytes:
    """The whole body. Raises BodyTooLargeError, by the announced length before anything is read."""
    bytes_max: int = request.app.state.settings.body_bytes_max
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > bytes_max:
        raise BodyTooLargeError(bytes_max)
    chunks, size = [], 0
    clock = asyncio.get_running_loop().time
    began = clock()
    async for chunk in request.stream():
        size += len(chunk)
        if size > bytes_max:
            raise BodyTooLargeError(bytes_max)
        chunks.append(chunk)
    deadline.prolong(clock() - began)  # how long a client may take to send it is the server's to say
    return b"".join(chunks)


class InvalidJsonError(Exception):
    """The body is not JSON."""

    def __init__(self) -> None:
        super().__init__("Request body is not valid JSON")


async def read_json(request: Request, *, with_nan: bool = False) -> Any:
    """The body's value, whatever its content type says; as parse_json(). Raises BodyTooLargeError, too."""
    return parse_json(await read_body(request), with_nan=with_nan)


def parse_json(text: bytes, *, with_nan: bool = False) -> Any:
    """The value of a document. Raises InvalidJsonError, also when it nests more than DEPTH_MAX levels deep.

    A number like 1e400 is infinite: an invalid value of its field, not malformed JSON. `with_nan` reads `Infinity` and
    `NaN`, too, which are none, but are written by careless encoders.
    """
    value = _parse(text, with_nan=with_nan)
    if text.count(b"[") + text.count(b"{") > DEPTH_MAX and _is_too_deep(value):
        raise InvalidJsonError
    return value


def _parse(text: bytes, *, with_nan: bool) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if not with_nan and "infinity" not in str(error):
            raise InvalidJsonError from None
    try:
        value = json.loads(text.decode(), parse_int=_integer, parse_constant=float if with_nan else _refuse)
        orjson.dumps(value)  # refuses the lone surrogates that json.loads lets through
    except (ValueError, TypeError, RecursionError):
        raise InvalidJsonError from None
    return value


def _is_too_deep(value: Any) -> bool:
    """Level by level, so that no depth exhausts the stack."""
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return any(isinstance(child, dict | list) for child in level)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _EXACT_DIGITS_MAX else float(digits)


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")

"""Form bodies: urlencoded, or multipart without its files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from gateway.dialects.wordpress.answers import RestError
from gateway.dialects.wordpress.php_arrays import nested, repeated

_URLENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_VERBS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FIELDS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, with PHP's arrays; `repeats` are the different values of plain names that came twice."""

    fields: Mapping[str, Any]
    repeats: Mapping[str, list[str]]


def is_form(verb: str, content_type: str) -> bool:
    """Whether such a request is read as a form: also when it does not say what its body is."""
    return verb in _VERBS and content_type.lower() in {"", _URLENCODED, _MULTIPART}


async def parse(headers: Headers, text: bytes) -> Form:
    """The fields of a body. Raises RestError when it cannot be read."""
    try:
        if headers.get("content-type", "").lower().startswith(_MULTIPART):
            pairs = await _multipart(headers, text)
        else:
            pairs = parse_qsl(text.decode(errors="replace"), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except (ValueError, MultiPartException) as error:
        raise RestError(400, "rest_invalid_form", f"Invalid form body passed: {error}") from None
    return Form(nested(pairs), repeated(pairs))


async def _multipart(headers: Headers, text: bytes) -> list[tuple[str, str]]:
    async def body() -> AsyncGenerator[bytes, None]:
        yield text

    parser = MultiPartParser(headers, body(), max_fields=_FIELDS_MAX, max_part_size=max(len(text), 1))
    form = await parser.parse()
    try:
        return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    finally:
        await form.close()  # the files, which nobody asked for

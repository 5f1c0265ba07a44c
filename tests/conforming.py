"""Whether answers are what /openapi.json says they are."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jsonschema_rs

from gateway.openapi.serving import described

_RESHAPED = {"_fields", "_fields[]", "_envelope", "_jsonp", "_method", "rest_route"}
"""Parameters with which WordPress answers in another shape, or for another route."""

_WORDPRESS = ("/wp-json", "/mulopimfwc")


async def check(response: httpx.Response) -> None:
    """Raises AssertionError for an answer that is not described. To be a hook of an HTTP client."""
    request = response.request
    split = urlsplit(str(request.url))
    if _RESHAPED & parse_qs(split.query, keep_blank_values=True).keys() or "x-http-method-override" in request.headers:
        return
    operation = operation_of("get" if request.method == "HEAD" else request.method.lower(), split.path)
    if operation is not None:
        await response.aread()
        problems = problems_of(operation, response)
        assert not problems, f"{request.method} {split.path} {response.status_code}: {problems}\n{response.text}"


def operation_of(method: str, path: str) -> str | None:
    """The described operation of a request, as `get /api/changes`; None when there is none."""
    if path.startswith(_WORDPRESS):  # where a slash at the end makes no difference
        path = path.removesuffix("/")
    for template, pattern in _patterns():
        if pattern.fullmatch(path) and method in described()["paths"][template]:
            return f"{method} {template}"
    return None


def problems_of(operation: str, response: httpx.Response) -> list[str]:
    """What of an answer is not as its operation says."""
    method, _, template = operation.partition(" ")
    answers = described()["paths"][template][method]["responses"]
    answer = _resolved(answers.get(str(response.status_code)))
    if answer is None:
        return [f"the status is not described: {', '.join(answers)}"]
    content = answer.get("content", {})
    media_type = response.headers.get("content-type", "").partition(";")[0]
    if response.request.method == "HEAD" or response.status_code == 304:
        return []
    if not content:
        return [] if not response.content else ["a body where none is described"]
    if media_type not in content:
        return [f"the media type {media_type} is not described: {', '.join(content)}"]
    if not media_type.endswith("json"):
        return []
    validator = _validator(operation, response.status_code, media_type)
    return [_told(error) for error in validator.iter_errors(response.json())][:5]


def _told(error: Any) -> str:
    """Where it is wrong; of alternatives, in the one that holds for longest."""
    while context := getattr(error.kind, "context", None):
        error = max((errors[0] for errors in context), key=lambda each: len(each.instance_path))
    return f"{error.instance_path}: {error.message[:300]}"


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Paths without variables first, as `/products/batch` is not `/products/{id}`."""
    paths = sorted(described()["paths"], key=lambda path: path.count("{"))
    return [(path, re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))) for path in paths]


def _resolved(answer: Any) -> Any:
    if answer is None or "$ref" not in answer:
        return answer
    return described()["components"]["responses"][answer["$ref"].rpartition("/")[2]]


@cache
def _validator(operation: str, status: int, media_type: str) -> jsonschema_rs.Draft202012Validator:
    method, _, template = operation.partition(" ")
    answer = _resolved(described()["paths"][template][method]["responses"][str(status)])
    schema = answer["content"][media_type]["schema"]
    return jsonschema_rs.Draft202012Validator({**schema, "components": described()["components"]})

"""How WordPress reads a request: a JSON or form body, on any verb, and query parameters below it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request

from gateway.body import BodyTooLargeError, InvalidJsonError, parse_json, read_body
from gateway.dialects.wordpress import forms
from gateway.dialects.wordpress.answers import RestError
from gateway.dialects.wordpress.parameters import TRUE
from gateway.settings import Settings
from storage.database import Database

_JSON_TYPE: Final = re.compile(r"application/(?:[a-z0-9!#$&^_.+-]+\+)?json", re.IGNORECASE)


class Nothing:
    """The type of NOTHING: the request has no JSON body, which is not the same as the body `null`."""


NOTHING: Final = Nothing()


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A request whose body was read. `json` is NOTHING when it had no JSON body.

    `args` are the endpoint's declared parameters, checked and of their types: those that were sent or have a default.
    `path` are the path's, `body` all members of a JSON object or a form as they came, declared or not.
    """

    http: Request
    json: Any = NOTHING
    form: forms.Form | None = None
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Mapping[str, Any]:
        """The parameters in the path: ids as integers."""
        return self.http.path_params

    @property
    def body(self) -> Mapping[str, Any]:
        """The members of the JSON object or form that was sent; empty when it was none."""
        if isinstance(self.json, dict):
            return self.json
        return {} if self.form is None else self.form.fields

    @property
    def settings(self) -> Settings:
        """The settings of this process."""
        settings: Settings = self.http.app.state.settings
        return settings

    @property
    def database(self) -> Database:
        """Where operations and reads run."""
        database: Database = self.http.app.state.database
        return database

    def parameter(self, name: str) -> Any:
        """A parameter of the JSON body, or else of the query (the last, if it is repeated); None when absent."""
        if isinstance(self.json, dict) and name in self.json:
            return self.json[name]
        return self.http.query_params.get(name)

    def text(self, name: str) -> str:
        """A parameter as text; '' when it is absent or is not a scalar."""
        value = self.parameter(name)
        return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""

    def flag(self, name: str) -> bool:
        """A parameter as a boolean: `1`, `true`, `yes`, `on` in any case; anything else is false."""
        return str(self.parameter(name)).strip().lower() in TRUE

    def positive(self, name: str, default: int) -> int:
        """A parameter as an integer of at least 1; anything else gives the default."""
        value = self.parameter(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value if 1 <= value < 10**18 else default
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value.strip()):
            return int(value) or default
        return default


async def read(request: Request, *, with_forms: bool = False) -> RestRequest:
    """Read the body, if its content type says that it is JSON, or a form and they are wanted.

    Raises RestError (400 or 413).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if _JSON_TYPE.fullmatch(kind):
        text = await _body(request)
        request.state.payload = text.decode(errors="replace")  # for the webhook log, also when it is malformed
        return RestRequest(request, _parse(text)) if text else RestRequest(request)
    if with_forms and forms.is_form(request.method, kind):
        return RestRequest(request, form=await forms.parse(request.headers, await _body(request)))
    return RestRequest(request)


async def _body(request: Request) -> bytes:
    try:
        return await read_body(request)
    except BodyTooLargeError as error:
        raise RestError(413, "rest_request_too_large", str(error)) from None


def _parse(text: bytes) -> Any:
    try:
        return parse_json(text)
    except InvalidJsonError:
        raise _invalid_json(text) from None


def _invalid_json(text: bytes) -> RestError:
    code, reason = 4, "Syntax error"
    try:
        text.decode()
    except UnicodeDecodeError:
        code, reason = 5, "Malformed UTF-8 characters, possibly incorrectly encoded"
    return RestError(
        400, "rest_invalid_json", "Invalid JSON body passed.", json_error_code=code, json_error_message=reason
    )

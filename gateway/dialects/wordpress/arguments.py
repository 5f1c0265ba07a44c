"""The parameters of a request against those its endpoint declares: required, then valid, then of their types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.dialects.wordpress.answers import RestError
from gateway.dialects.wordpress.coercion import InvalidValueError, coerced, is_refused_when_empty
from gateway.dialects.wordpress.parameters import Parameter
from gateway.dialects.wordpress.php_arrays import nested, repeated
from gateway.dialects.wordpress.requests import RestRequest
from storage.changes import UNSET


class Declaration:
    """The parameters of an endpoint, made ready for its requests."""

    def __init__(self, declared: Mapping[str, Parameter]) -> None:
        self.parameters = {name: each for name, each in declared.items() if not each.read_only}
        self.required = [name for name, each in self.parameters.items() if each.required]
        self.defaults = {name: each.default for name, each in self.parameters.items() if each.default is not UNSET}

    def arguments(self, request: RestRequest) -> dict[str, Any]:
        """What was sent of the declared parameters, and the defaults of the others. Raises RestError (400).

        The body outranks the query. What is not declared or is read-only is ignored.
        """
        sent = self._sent(request)
        if missing := [name for name in self.required if sent.get(name) is None]:
            message = f"Missing parameter(s): {', '.join(missing)}"
            raise RestError(400, "rest_missing_callback_param", message, params=missing)
        given = dict(self.defaults)
        invalid: dict[str, InvalidValueError] = {}
        for name, value in sent.items():
            parameter = self.parameters.get(name)
            if parameter is None or (value is None and _is_no_value(parameter)):
                continue
            try:
                given[name] = coerced(parameter, value, name)
            except InvalidValueError as error:
                invalid[name] = error
        if invalid:
            raise _invalid({name: invalid[name] for name in self.parameters if name in invalid})
        return given

    def _sent(self, request: RestRequest) -> Mapping[str, Any]:
        """Body over query. The values of a repeated plain name become one list, where a list is declared."""
        pairs = request.http.query_params.multi_items()
        if not pairs and request.form is None:
            return request.body
        sent = {**nested(pairs), **request.body}
        for repeats in (repeated(pairs), request.form.repeats if request.form else {}):
            for name, values in repeats.items():
                parameter = self.parameters.get(name)
                if parameter is not None and parameter.type == "array" and sent[name] == values[-1]:
                    sent[name] = ",".join(values)
        return sent


def _is_no_value(parameter: Parameter) -> bool:
    """Whether null is the same as not sent."""
    return not parameter.nullable and (parameter.default is not UNSET or is_refused_when_empty(parameter))


def _invalid(errors: Mapping[str, InvalidValueError]) -> RestError:
    return RestError(
        400,
        "rest_invalid_param",
        f"Invalid parameter(s): {', '.join(errors)}",
        params={name: error.message for name, error in errors.items()},
        details={
            name: {"code": error.code, "message": error.message, "data": error.data} for name, error in errors.items()
        },
    )

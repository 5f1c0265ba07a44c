"""A value that a client sent, as the type that its parameter has: WordPress is lenient, but not with everything."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from gateway.dialects.wordpress.parameters import Parameter
from storage.changes import ID_MAX

_EXACT_DIGITS_MAX: Final = 18
_NUMBER: Final = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}(:[0-9]{2})?)?"
)
_LOST_PLUS: Final = re.compile(r"(?<=:[0-9]{2}) (?=[0-9]{2}(?::[0-9]{2})?$)")
_EARLIEST, _LATEST = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001 (so that every time zone can hold them)
_BOOLEANS: Final[Mapping[str, bool]] = {"true": True, "1": True, "false": False, "0": False}
_EMPTY: Final[Mapping[str, Any]] = {"integer": 0, "number": 0, "string": "", "boolean": False}


class InvalidValueError(Exception):
    """A value that its parameter does not take. `code` and `data` are the detail's, such as `rest_invalid_type`."""

    def __init__(self, code: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def coerced(parameter: Parameter, value: Any, name: str) -> Any:
    """The value as the parameter's type. Raises InvalidValueError."""
    if value is None:
        return None if parameter.nullable else empty(parameter)
    if parameter.also and isinstance(value, str) and value in parameter.also:
        return value
    value = _BY_TYPE[parameter.type](parameter, value, name)
    if parameter.enum and value not in parameter.enum:
        raise InvalidValueError("rest_not_in_enum", f"{name} is not {_one_of(parameter.enum)}.")
    return value


def empty(parameter: Parameter) -> Any:
    """What null means to a parameter that does not know it: the type's own emptiness."""
    if parameter.type in {"array", "object"}:
        return [] if parameter.type == "array" else {}
    return _EMPTY.get(parameter.type)


def is_refused_when_empty(parameter: Parameter) -> bool:
    """Whether the type's emptiness is none of the parameter's values: then null is the same as not sent."""
    value = empty(parameter)
    if parameter.enum or parameter.type == "date-time":
        return value not in parameter.enum
    return isinstance(value, int) and parameter.minimum is not None and value < parameter.minimum


def _wrong_type(name: str, kind: str) -> InvalidValueError:
    return InvalidValueError("rest_invalid_type", f"{name} is not of type {kind}.", {"param": name})


def _one_of(allowed: tuple[str, ...]) -> str:
    """As WordPress lists: `a`, `one of a and b`, `one of a, b, and c`."""
    if len(allowed) == 1:
        return allowed[0]
    *first, last = allowed
    return f"one of {', '.join(first)}{',' if len(first) > 1 else ''} and {last}"


def _integer(parameter: Parameter, value: Any, name: str) -> int:
    if isinstance(value, str) and len(value) <= _EXACT_DIGITS_MAX and value.isascii() and value.isdigit():
        number: int | float = int(value)
    else:
        number = _numeric(parameter, value, name)
    _check_bounds(parameter, number, name)
    if isinstance(number, float):
        if not number.is_integer():
            raise _wrong_type(name, "integer")
        number = int(number)
    return max(-ID_MAX, min(number, ID_MAX))  # as PHP does with what 64 bits cannot hold


def _number(parameter: Parameter, value: Any, name: str) -> int | float:
    number = _numeric(parameter, value, name)
    _check_bounds(parameter, number, name)
    return number


def _numeric(parameter: Parameter, value: Any, name: str) -> int | float:
    """A number or the text of one: `5`, `"5"`, `5.0`, `"5.0"`."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        digits = value.strip().lstrip("+-")
        exact = digits.isdigit() and len(digits) <= _EXACT_DIGITS_MAX
        value = int(value) if exact else float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong_type(name, parameter.type)
    return value


def _check_bounds(parameter: Parameter, number: float, name: str) -> None:
    least, most = parameter.minimum, parameter.maximum
    if (least is None or number >= least) and (most is None or number <= most):
        return
    if least is not None and most is not None:
        told = f"must be between {least} (inclusive) and {most} (inclusive)"
    else:
        told = f"must be greater than or equal to {least}" if most is None else f"must be less than or equal to {most}"
    raise InvalidValueError("rest_out_of_bounds", f"{name} {told}")


def _string(parameter: Parameter, value: Any, name: str) -> str:
    if parameter.numbers and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return format(Decimal(repr(value)), "f")
    if not isinstance(value, str):
        raise _wrong_type(name, "string")
    _check_storable(value, name)
    return value


def _boolean(_parameter: Parameter, value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return value
    text = value.lower() if isinstance(value, str) else str(value) if isinstance(value, int) else ""
    if (known := _BOOLEANS.get(text)) is None:
        raise _wrong_type(name, "boolean")
    return known


def _array(parameter: Parameter, value: Any, name: str) -> list[Any]:
    """A JSON list, `a[]=1`, `a[3]=1`, or one text with commas or spaces between."""
    if isinstance(value, dict):
        if not all(key.isdecimal() for key in value):
            raise _wrong_type(name, "array")
        value = list(value.values())
    elif not isinstance(value, list):
        value = re.findall(r"[^\s,]+", _text_of(value))
    if parameter.items is None:
        _check_storable(value, name)
        return list(value)
    return [coerced(parameter.items, item, f"{name}[{index}]") for index, item in enumerate(value)]


def _text_of(scalar: Any) -> str:
    """As PHP writes it."""
    return "1" if scalar is True else "" if scalar is False else str(scalar)


def _object(parameter: Parameter, value: Any, name: str) -> dict[str, Any]:
    """A JSON object. PHP's empty one is a list, and comes back as one."""
    if value in ("", []):
        value = {}
    if not isinstance(value, dict):
        raise _wrong_type(name, "object")
    known = parameter.properties or {}
    _check_storable({key: member for key, member in value.items() if key not in known}, name)
    return {
        key: coerced(known[key], member, f"{name}[{key}]") if key in known else member for key, member in value.items()
    }


def _date_time(_parameter: Parameter, value: Any, _name: str) -> datetime:
    """With its zone where one was given, else without one. A `+` that became a space on the way is put back."""
    text = _LOST_PLUS.sub("+", value) if isinstance(value, str) else ""
    if not _DATE_TIME.fullmatch(text):
        raise _invalid_date()
    try:
        given = datetime.fromisoformat(text.upper()).replace(microsecond=0)
        zone = given.tzinfo
        clamped = min(max(given.replace(tzinfo=None), _EARLIEST), _LATEST)
        return clamped if zone is None else clamped.replace(tzinfo=zone).astimezone(UTC)
    except ValueError:
        raise _invalid_date() from None


def _invalid_date() -> InvalidValueError:
    return InvalidValueError("rest_invalid_date", "Invalid date.")


def _mixed(_parameter: Parameter, value: Any, name: str) -> Any:
    _check_storable(value, name)
    return value


def _check_storable(value: Any, name: str) -> None:
    """PostgreSQL's texts cannot hold a NUL, and ours shall not depend on the engine."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            if "\0" in each:
                raise InvalidValueError("rest_invalid_param", f"{name} must not contain a null character.")
        elif isinstance(each, dict):
            waiting += each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


_BY_TYPE: Final[Mapping[str, Callable[[Parameter, Any, str], Any]]] = {
    "integer": _integer,
    "number": _number,
    "string": _string,
    "boolean": _boolean,
    "array": _array,
    "object": _object,
    "date-time": _date_time,
    "mixed": _mixed,
}

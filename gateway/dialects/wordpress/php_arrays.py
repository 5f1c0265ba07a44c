"""Names with brackets, as PHP makes arrays of them: `a[]=1&a[]=2`, `a[0]=1`, `a[0][id]=1`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

_DEPTH_MAX: Final = 64
_KEY: Final = re.compile(r"\[([^\]]*)\]")
_MANGLED: Final = str.maketrans(" .", "__")


class PhpArray(dict[str, Any]):
    """A list or a map: PHP does not tell the two apart. Entries are in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self.free = 0  # the index that `[]` takes next

    def put(self, key: str, value: Any) -> None:
        """Set the entry; of a key that is an index the next free one follows."""
        self[key] = value
        if key.isascii() and key.isdigit() and len(key) < 10:
            self.free = max(self.free, int(key) + 1)


def nested(pairs: Iterable[tuple[str, str]]) -> PhpArray:
    """The pairs of a query or a form. A name that is repeated keeps its last value."""
    top = PhpArray()
    for name, value in pairs:
        if "[" not in name and "." not in name and " " not in name:
            top[name] = value
        else:
            _put(top, name, value)
    return top


def repeated(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The plain names that came more than once, each with its different values."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: list(dict.fromkeys(each)) for name, each in values.items() if len(each) > 1}


def _put(top: PhpArray, name: str, value: str) -> None:
    keys = _keys(name)
    if not keys[0] or len(keys) > _DEPTH_MAX:
        return
    array = top
    for key in keys[:-1]:
        index = key or str(array.free)
        inner = array.get(index)
        if not isinstance(inner, PhpArray):
            inner = PhpArray()
            array.put(index, inner)
        array = inner
    array.put(keys[-1] or str(array.free), value)


def _keys(name: str) -> list[str]:
    """`a.b[c][]` is `a_b`, `c` and ``. A bracket that nothing closes is no bracket."""
    name = name.lstrip(" ")
    top, bracket, _ = name.partition("[")
    at = len(top)
    keys = [top.translate(_MANGLED)]
    if bracket and "]" not in name[at:]:
        return [name.translate(str.maketrans(" .[", "___"))]
    while match := _KEY.match(name, at):
        keys.append(match[1])
        at = match.end()
    return keys

"""What a document may ask, found in one pass before anything is validated or runs.

A document's text is counted first (characters, tokens, nesting, aliases, directives), so that what is refused is not
even parsed. Then one walk counts what the operation expands to; a fragment is walked once, however often it is spread.
What that costs is in cost.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionNode,
)

QUERY_TOO_COMPLEX: Final = "QUERY_TOO_COMPLEX"
COUNT_MAX: Final = 10**12
"""Where counting stops: fragments that double each other sixty times are not counted out."""
_BRACES: Final = 4
"""How many times the depth fragments that stand inline may nest."""
_TOKEN: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"""|\Z)|"(?:[^"\\\n\r]|\\.)*+"?|#[^\n\r]*+|\.\.\.'
    r"|[A-Za-z_][A-Za-z0-9_]*+|-?[0-9][0-9A-Za-z.+-]*+|[!$&():=@\[\]{|}]",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """The most that one document may ask."""

    characters: int = 50_000
    tokens: int = 4_000
    depth: int = 20
    fields: int = 1_000
    aliases: int = 100
    root_fields: int = 50
    directives: int = 50
    definitions: int = 100
    cost: int = 50_000


DEFAULT: Final = Limits()
_SAID: Final = {
    "characters": "is too long",
    "tokens": "has too many tokens",
    "depth": "nests too deeply",
    "fields": "selects too many fields",
    "aliases": "has too many aliases",
    "rootFields": "has too many root fields",
    "directives": "has too many directives",
    "definitions": "has too many operations and fragments",
    "cost": "costs too much",
}


def too_complex(limit: str, requested: int, maximum: int, path: Sequence[str] = ()) -> GraphQLError:
    """The one error of a document beyond a limit: which limit, how far, and where most of it comes from."""
    told: dict[str, Any] = {"code": QUERY_TOO_COMPLEX, "limit": limit, "requested": requested, "maximum": maximum}
    message = f"This query {_SAID[limit]}: {_shown(requested)}, and at most {maximum} is allowed."
    if path:
        told["path"] = list(path)
        message += f" Most of it comes from `{'.'.join(path)}`."
    return GraphQLError(message, extensions=told)


def _shown(number: int) -> str:
    return f"over {COUNT_MAX}" if number >= COUNT_MAX else str(number)


def check_text(text: str, limits: Limits) -> None:
    """Count what can be counted without parsing. Raises GraphQLError for what is over a limit."""
    if len(text) > limits.characters:
        raise too_complex("characters", len(text), limits.characters)
    tokens = _TOKEN.findall(text)
    if len(tokens) > limits.tokens:
        count = sum(not token.startswith("#") for token in tokens)
        if count > limits.tokens:
            raise too_complex("tokens", count, limits.tokens)
    if (directives := tokens.count("@")) > limits.directives:
        raise too_complex("directives", directives, limits.directives)
    _compare(_count(tokens, limits))


def _count(tokens: Sequence[str], limits: Limits) -> Iterator[tuple[str, int, int]]:  # noqa: C901 (a scanner)
    """What of a text can be told by its tokens: how deeply it nests, its fields and their aliases."""
    parentheses = depth = deepest = braces_max = fields = aliases = definitions = 0
    braces: list[bool] = []  # those that are open, and whether each is a field's
    before, is_inline = "", False
    for token in tokens:
        if token == "(":  # noqa: S105 (GraphQL's token)
            parentheses += 1
        elif token == ")":  # noqa: S105
            parentheses -= 1
        elif parentheses > 0 or token[0] == "#":
            continue
        elif token == "{":  # noqa: S105
            definitions += not braces
            braces.append(not is_inline)
            is_inline = False
            braces_max = max(braces_max, len(braces))
            depth += braces[-1]
            deepest = max(deepest, depth)
        elif token == "}":  # noqa: S105
            depth -= braces.pop() if braces else 0
        elif token == "...":  # noqa: S105
            is_inline = True
        elif token == ":":  # noqa: S105
            aliases += 1  # outside parentheses a colon stands behind an alias
        elif before == "...":
            is_inline = token in {"on", "@"}
        elif braces and before not in {"on", "@", ":"} and token != "@":  # noqa: S105
            fields += 1
        before = token
    yield "definitions", definitions, limits.definitions
    yield "depth", deepest, limits.depth
    yield "depth", braces_max, limits.depth * _BRACES
    yield "aliases", aliases, limits.aliases
    yield "fields", fields, limits.fields


def check_document(document: DocumentNode, limits: Limits) -> bool:
    """Count what the operations expand to; whether their fragments run in circles.

    Raises GraphQLError for what is over a limit. The document need not be valid.
    """
    _compare([("definitions", len(document.definitions), limits.definitions)])
    walk = _Walk({d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)})
    fields = 0
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            fields += _check_operation(walk, definition, limits)
    _compare([("fields", fields, limits.fields)])  # of all together: each is validated with all its fragments
    return walk.runs_in_circles


def _check_operation(walk: _Walk, operation: OperationDefinitionNode, limits: Limits) -> int:
    try:
        counted = walk.count(operation.selection_set.selections)
    except RecursionError:
        raise too_complex("depth", limits.depth + 1, limits.depth) from None
    _compare(
        [
            ("depth", counted.depth, limits.depth),
            ("rootFields", counted.top, limits.root_fields),
            ("aliases", counted.aliases, limits.aliases),
            ("directives", counted.directives + len(operation.directives or ()), limits.directives),
            ("fields", counted.fields, limits.fields),
        ]
    )
    return counted.fields


def _compare(found: Iterable[tuple[str, int, int]]) -> None:
    for limit, count, maximum in found:
        if count > maximum:
            raise too_complex(limit, count, maximum)


@dataclass(slots=True)
class _Counted:
    depth: int = 0
    top: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0


class _Walk:
    """One walk over an operation: what each fragment comes to is remembered."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, _Counted] = {}
        self._busy: set[str] = set()
        self.runs_in_circles = False

    def count(self, selections: Sequence[SelectionNode]) -> _Counted:
        """What these selections expand to."""
        all_ = _Counted(depth=1)
        for selection in selections:
            all_.directives += len(selection.directives or ())
            if isinstance(selection, FieldNode):
                self._add_field(all_, selection)
            elif isinstance(selection, FragmentSpreadNode):
                self._add(all_, self._fragment(selection.name.value))
            else:
                self._add(all_, self.count(selection.selection_set.selections))  # type: ignore[attr-defined]
        return all_

    def _add_field(self, all_: _Counted, node: FieldNode) -> None:
        all_.top += 1
        all_.fields += 1
        all_.aliases += node.alias is not None
        if node.selection_set is None or node.name.value.startswith("__"):
            return  # how introspection nests is a matter of graphql-core's own rule
        below = self.count(node.selection_set.selections)
        all_.depth = max(all_.depth, 1 + below.depth)
        all_.fields = min(all_.fields + below.fields, COUNT_MAX)
        all_.aliases = min(all_.aliases + below.aliases, COUNT_MAX)
        all_.directives = min(all_.directives + below.directives, COUNT_MAX)

    @staticmethod
    def _add(all_: _Counted, beside: _Counted) -> None:
        all_.depth = max(all_.depth, beside.depth)
        all_.top = min(all_.top + beside.top, COUNT_MAX)
        all_.fields = min(all_.fields + beside.fields, COUNT_MAX)
        all_.aliases = min(all_.aliases + beside.aliases, COUNT_MAX)
        all_.directives = min(all_.directives + beside.directives, COUNT_MAX)

    def _fragment(self, name: str) -> _Counted:
        if name in self._known:
            return self._known[name]
        definition = self._fragments.get(name)
        if definition is None or name in self._busy:  # validation tells what is wrong with it
            self.runs_in_circles |= definition is not None
            return _Counted()
        self._busy.add(name)
        self._known[name] = self.count(definition.selection_set.selections)
        self._busy.remove(name)
        return self._known[name]

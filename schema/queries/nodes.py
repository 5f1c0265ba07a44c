"""Root fields for whatever has an id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import strawberry

from schema.nodes import IDS_MAX, Node
from schema.sources import NODE, NODES, Argument, Condition, Rows, relation


@strawberry.type
class NodeQueries:
    """Part of Query."""

    @relation(NODE, Node | None, {"id": Argument(strawberry.ID, "Its `id`.")})
    def node(_: Any, row: Any, named: Sequence[Condition]) -> Rows:
        """Whatever has this id; null when there is nothing, or nothing that this API key may see."""
        return Rows(named)

    @relation(NODES, list[Node | None], {"ids": Argument(list[strawberry.ID], f"Their `id`s; at most {IDS_MAX}.")})
    def nodes(_: Any, row: Any, named: Sequence[Condition]) -> Rows:
        """Whatever has these ids, in their order; null for each that names nothing."""
        return Rows(named)

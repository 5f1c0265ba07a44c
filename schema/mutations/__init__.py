"""Mutation: the root fields that change something, one file per noun."""

from __future__ import annotations

import strawberry

from schema.mutations.inventory import InventoryMutations


@strawberry.type(description="What can be changed. A refusal is in `userErrors`, and then nothing was half-written.")
class Mutation(InventoryMutations):
    """The root of all writes."""

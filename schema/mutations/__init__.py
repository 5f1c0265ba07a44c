"""Mutation: the root fields that change something, one file per noun."""

from __future__ import annotations

import strawberry

from schema.mutations.access import AccessMutations
from schema.mutations.imports import ImportMutations
from schema.mutations.inventory import InventoryMutations
from schema.mutations.locations import LocationMutations
from schema.mutations.products import ProductMutations
from schema.mutations.source_rules import SourceRuleMutations
from schema.mutations.thresholds import ThresholdMutations
from schema.mutations.webhooks import WebhookMutations


@strawberry.type(description="What can be changed. A refusal is in `userErrors`, and then nothing was half-written.")
class Mutation(
    AccessMutations,
    ProductMutations,
    LocationMutations,
    InventoryMutations,
    SourceRuleMutations,
    ThresholdMutations,
    WebhookMutations,
    ImportMutations,
):
    """The root of all writes."""

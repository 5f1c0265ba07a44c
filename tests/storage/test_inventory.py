"""The write path on both engines."""

from storage import inventory
from storage.changes import AdjustQuantity
from storage.database import Database
from tests.builders import a_change, a_group


async def test_a_set_quantity_reads_back(catalogue: Database) -> None:
    applied = await catalogue.transact(inventory.apply, a_group(a_change(1, 1)))
    assert [(o.before, o.after, o.version) for o in applied.outcomes] == [(None, 10, 1)]
    applied = await catalogue.transact(
        inventory.apply, a_group(a_change("sku-1", "location-1", quantity=AdjustQuantity(-3)))
    )
    assert [(o.before, o.after, o.version) for o in applied.outcomes] == [(10, 7, 2)]

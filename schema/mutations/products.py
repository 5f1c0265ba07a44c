"""The root fields that change products and variations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Final

import strawberry
from sqlalchemy import Text
from strawberry import Info, argument

from schema.authorization import mutation
from schema.context import Context
from schema.errors import UserError, Wording, gid, of_error
from schema.mutations import groups
from schema.mutations.catalog_errors import Input
from schema.mutations.catalog_inputs import ProductArchiveInput, ProductUpsertInput, VariationUpsertInput
from schema.mutations.inventory_payloads import ignored_of
from schema.sources import Rows, many
from schema.types.choices import OwnedField
from schema.types.product import Product
from storage import product_writes
from storage.access import Scope
from storage.catalog import Row
from storage.catalog_document import CatalogError
from storage.changes import GroupRejectedError
from storage.errors import InventoryError
from storage.json_rows import among, json_text

_PRODUCTS: Final = Input("products")
_VARIATIONS: Final = Input("variations", {"parent_id": "product"})


@strawberry.enum(description="What became of a line of the catalogue.")
class CatalogOutcome(Enum):
    """What storage.catalog says."""

    CREATED = strawberry.enum_value("created", description="It was not there before.")
    UPDATED = strawberry.enum_value("updated", description="It has other values now.")
    UNCHANGED = strawberry.enum_value("unchanged", description="It was so already.")


@strawberry.type(description="What became of one product or variation.")
class ProductResult:
    """A Row, or why there is none."""

    index: int = strawberry.field(description="The line, counted from 0.")
    field: str = strawberry.field(description="Where in the input it stands: `products[0].variations[1]`.")
    product_id: strawberry.ID | None = strawberry.field(description="Its node id; null when nothing was written.")
    outcome: CatalogOutcome | None = strawberry.field(description="What was done; null when nothing was written.")
    ignored: list[OwnedField] = strawberry.field(
        description="What the line would have changed and did not, because a source rule says that others own it."
    )
    error: UserError | None = strawberry.field(description="Why it was refused: the first reason.")


@strawberry.type
class ProductsWritten:
    """What every payload has that tells of products."""

    ids: strawberry.Private[list[int]]
    user_errors: list[UserError] = strawberry.field(description="Every refusal; empty when there was none.")
    dry_run: bool = strawberry.field(description="Whether it was only tried: nothing was written.")

    def given(self) -> dict[str, Any]:
        """What the compiled fields hang on."""
        return {"ids": self.ids}

    @many(Product)
    def products(row: Any, product: Any) -> Rows:
        """The products and variations that were named, as they are now, by id."""
        return Rows([among(product.id, row.ids.bind(json_text, type_=Text()))], [product.id])


@strawberry.type(description="What became of products.")
class ProductUpsertPayload(ProductsWritten):
    """Rows of the catalogue."""

    results: list[ProductResult] = strawberry.field(
        description="What became of each line, in order, the variations inside a product after it."
    )


@strawberry.type(description="What became of variations.")
class VariationUpsertPayload(ProductUpsertPayload):
    """Rows of the catalogue."""


@strawberry.type(description="What became of products that were to be archived.")
class ProductArchivePayload(ProductsWritten):
    """Rows of the catalogue."""

    archived: int = strawberry.field(description="How many products and variations are in the trash by it.")


@strawberry.type
class ProductMutations:
    """Part of Mutation."""

    @mutation(  # type: ignore[untyped-decorator]
        "Create products, or give them other values: all of them, or none. A product is found by its id, else by its "
        "SKU.",
        scope=Scope.ADMIN,
    )
    async def product_upsert(
        self,
        info: Info[Context, None],
        input: Annotated[ProductUpsertInput, argument(description="The products as they shall be.")],
    ) -> ProductUpsertPayload:
        """Rows of the catalogue."""
        rows = input.rows()
        groups.counted(info.context, "products", [*rows, *(line for row in rows for line in row.get("variations", ()))])
        written = await _write(info.context, _PRODUCTS, _places(rows), input.dry_run, product_writes.upsert, rows)
        return ProductUpsertPayload(**written, dry_run=input.dry_run)

    @mutation(  # type: ignore[untyped-decorator]
        "Create variations of a product, or give them other values: all of them, or none. A variation is found by its "
        "id, else by its SKU.",
        scope=Scope.ADMIN,
    )
    async def variation_upsert(
        self,
        info: Info[Context, None],
        input: Annotated[VariationUpsertInput, argument(description="The variations as they shall be.")],
    ) -> VariationUpsertPayload:
        """Rows of the catalogue."""
        rows, parent = input.rows(), input.product.to_key()
        groups.counted(info.context, "variations", rows)
        places = [f"products[{index}]" for index in range(len(rows))]
        upsert = product_writes.upsert_variations
        written = await _write(info.context, _VARIATIONS, places, input.dry_run, upsert, parent, rows)
        return VariationUpsertPayload(**written, dry_run=input.dry_run)

    @mutation(  # type: ignore[untyped-decorator]
        "Throw products away, each with its variations. Their stock stays as it is and cannot be changed any more; "
        "productUpsert with another status brings them back.",
        scope=Scope.ADMIN,
    )
    async def product_archive(
        self,
        info: Info[Context, None],
        input: Annotated[ProductArchiveInput, argument(description="Which ones.")],
    ) -> ProductArchivePayload:
        """Rows of the catalogue."""
        groups.counted(info.context, "products", input.products)
        database = info.context.database
        run = database.rehearse if input.dry_run else database.transact
        ids: list[int] = []
        errors: list[UserError] = []
        try:
            keys = [key.to_key() for key in input.products]
            ids = await run(product_writes.archive, keys, info.context.make_origin())
        except GroupRejectedError as error:
            errors = groups.rejected(error, Wording("products", {"product": ""})).user_errors
        except InventoryError as error:
            errors = [of_error(error)]
        return ProductArchivePayload(ids=ids, archived=len(ids), user_errors=errors, dry_run=input.dry_run)


def _places(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where the rows stand in the document, those of variations after their product's."""
    places = []
    for index, row in enumerate(rows):
        place = f"products[{index}]"
        places += [place, *(f"{place}.variations[{n}]" for n in range(len(row.get("variations", ()))))]
    return places


async def _write(
    context: Context,
    asked: Input,
    places: Sequence[str],
    dry_run: bool,  # noqa: FBT001 (one call reads as another)
    operation: Callable[..., Awaitable[dict[str, Row]]],
    *args: Any,
) -> dict[str, Any]:
    """What became of each place, and what the compiled fields hang on."""
    rows: dict[str, Row] = {}
    errors: list[UserError] = []
    try:
        run = context.database.rehearse if dry_run else context.database.transact
        rows = await run(operation, *args, context.make_origin())
    except CatalogError as error:
        errors = asked.refusals(error.problems)
    except InventoryError as error:
        errors = [of_error(error)]
    paths = [asked.path(place) for place in places]
    own = {path: next((e for e in errors if _is_within(e.field, path, paths)), None) for path in paths}
    kept = {row.id for row in rows.values() if not (dry_run and row.became == "created")}
    results = [_result(path, rows.get(place), kept, own[path]) for place, path in zip(places, paths, strict=True)]
    return {"ids": sorted(kept), "user_errors": errors, "results": results}


def _is_within(field: str | None, path: str, paths: Sequence[str]) -> bool:
    """Whether a refusal is about this line, and not about one that stands inside it."""
    if field is None or not (field == path or field.startswith((f"{path}.", f"{path}["))):
        return False
    return not any(len(other) > len(path) and field.startswith(other) for other in paths)


def _result(path: str, row: Row | None, kept: set[int], error: UserError | None) -> ProductResult:
    """`kept` are the ids that stay: after a dry run another product may have that of a new one."""
    return ProductResult(
        index=int(path.partition("[")[2].partition("]")[0]),
        field=path,
        product_id=gid("Product", row.id) if row is not None and row.id in kept else None,
        outcome=None if row is None else CatalogOutcome(row.became),
        ignored=[] if row is None else ignored_of(row),
        error=error,
    )

"""What the naive executor knows of access and integrations: who asks, who may write what, imports and webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from graphql import GraphQLError

from storage.access import Credential, Scope
from tests.schema.caller import NOW
from tests.schema.reference_rows import Record, first_of, is_after, is_named, number_of, page_of

FIELDS = ("stock", "prices", "backorders", "disabled", "catalog")
EQUIVALENTS = {
    "query product": None,
    "mutation inventorySet": None,
    "GET /wp-json/wc/v3/products": "query products",
    "POST /wp-json/wc/v3/products/batch": "mutation productUpsert, inventorySet",
    "GET /wp-json/wc/v3/orders": "nothing: it is about what a shop has beside its stock",
}
"""What GraphQL has for the routes of tests/schema/shop.py."""


class Integrations:
    """A part of the root of all queries: what is about keys and other systems."""

    who: Credential
    is_inside: bool
    all_locations: list[Any]
    every_location: list[Any]
    all_endpoints: list[Any]
    all_deliveries: list[Any]
    all_jobs: list[Any]
    all_rules: list[Any]
    all_uses: Sequence[Mapping[str, Any]]

    def viewer(self) -> Any:
        limited = self.who.locations
        return {
            "key": {
                "database_id": self.who.id,
                "name": self.who.name,
                "hint": "",
                "expires_at": None,
                "routes": self._routes,
            },
            "scopes": [str(scope) for scope in Scope if scope in self.who.scopes],
            "visibility": {"kind": self.who.visibility, "cap": self.who.cap},
            "limits": {
                "cost_per_minute": None,
                "cost_max": 50_000,
                "depth_max": 20,
                "fields_max": 1_000,
                "aliases_max": 100,
                "root_fields_max": 50,
                "directives_max": 50,
                "characters_max": 50_000,
                "tokens_max": 4_000,
                "first_max": 250,
                "bulk_items_max": 1000,
            },
            "owns": [rule for rule in self._listed_rules() if rule.is_owned_by(self.who)],
            "may_write": self._may_write,
            "locations": None if limited is None else self.all_locations,
        }

    def _routes(self, days: int) -> Any:
        """What the caller called since the day that is so many days before tomorrow, route by route."""
        first = str((NOW - timedelta(days=days - 1)).date())
        mine = [use for use in self.all_uses if use["api_key_id"] == self.who.id and use["day"] >= first]
        routes: dict[tuple[str, str], dict[str, Any]] = {}
        for use in mine:
            names = {"dialect": use["dialect"], "route": use["route"]}
            none = {**names, "calls": 0, "writes": 0, "refused": 0, "last_at": use["last_at"]}
            told = routes.setdefault((use["dialect"], use["route"]), {**none, "graphql": EQUIVALENTS[use["route"]]})
            for count in ("calls", "writes", "refused"):
                told[count] += use[count]
            told["last_at"] = max(told["last_at"], use["last_at"])
        by_name = sorted(routes.values(), key=lambda told: (told["route"], told["dialect"]))
        return sorted(by_name, key=lambda told: told["last_at"], reverse=True)

    def _may_write(self, field: str, location: Any = None) -> bool:
        if not {Scope.WRITE, Scope.ADMIN} & self.who.scopes:
            return False
        place = None
        if location is not None:
            place = first_of(place for place in self.every_location if is_named(place, [location]))
            if place is None or (self.who.locations is not None and place.number not in self.who.locations):
                return False
        about = [rule for rule in self.all_rules if rule.row["field"] == field.lower()]
        own = [rule for rule in about if place is not None and rule.row["location_id"] == place.number]
        binding = own or [rule for rule in about if rule.row["location_id"] is None]
        return all(rule.is_owned_by(self.who) for rule in binding)

    def source_rules(self) -> Any:
        self._refuse_to_public()
        return self._listed_rules()

    def _listed_rules(self) -> list[Any]:
        """Those for everywhere and for the locations that the caller sees; none for storefronts."""
        if self.who.is_public:
            return []
        seen = [rule for rule in self.all_rules if rule.row["location_id"] is None or rule.place() is not None]
        return sorted(seen, key=lambda rule: (FIELDS.index(rule.row["field"]), rule.slug))

    def import_jobs(self, first: int, before: str | None) -> Any:
        self._refuse_to_public()
        if not 0 <= first <= 100:
            raise GraphQLError("out of range")
        older = 2**63 if before is None else number_of("ImportJob", before)
        mine = [job for job in self.all_jobs if job.number < older and job.is_for(self.who)]
        return sorted(mine, key=lambda job: -job.number)[:first]

    def import_job(self, id: str) -> Any:  # noqa: A002
        self._refuse_to_public()
        number = number_of("ImportJob", id)
        return first_of(job for job in self.all_jobs if job.number == number and job.is_for(self.who))

    def _refuse_to_public(self) -> None:
        if self.who.is_public:
            raise GraphQLError("hidden from storefronts")

    def refuse_history(self) -> None:
        if not self.is_inside:
            raise GraphQLError("history is hidden")

    def webhook_endpoints(self, **page: Any) -> Any:
        self._refuse_to_others()
        return page_of(self.all_endpoints, "id", lambda endpoint: (endpoint.number,), **page)

    def webhook_endpoint(self, id: str) -> Any:  # noqa: A002
        self._refuse_to_others()
        number = number_of("WebhookEndpoint", id)
        return first_of(endpoint for endpoint in self.all_endpoints if endpoint.number == number)

    def webhook_deliveries(self, filter: Any = None, **page: Any) -> Any:  # noqa: A002
        self._refuse_to_others()
        found = [delivery for delivery in self.all_deliveries if _is_delivery(delivery, filter or {})]
        return page_of(found, "id", lambda delivery: (delivery.number,), **page, descending=True)

    def _refuse_to_others(self) -> None:
        self.refuse_history()
        if Scope.ADMIN not in self.who.scopes:
            raise GraphQLError("endpoints are hidden")


class SourceRule(Record):
    """Who may write a field."""

    def is_owned_by(self, who: Credential) -> bool:
        return who.id in {id_ for id_, _ in self.row["owners"]}

    def place(self) -> Any:
        return first_of(place for place in self.shop.all_locations if place.number == self.row["location_id"])

    @property
    def slug(self) -> str:
        return self.place().slug if self.place() else ""

    def owners(self) -> Any:
        return [{"database_id": id_, "name": name} for id_, name in self.row["owners"]]

    def location_id(self) -> Any:
        return self.place().id() if self.place() else None

    def location_name(self) -> Any:
        return self.place().name if self.place() else None


class ImportJob(Record):
    """A file that is brought in."""

    def is_for(self, who: Credential) -> bool:
        return Scope.ADMIN in who.scopes or self.api_key_id == who.id

    def mode(self) -> Any:
        return self.options["mode"].upper()

    def policy(self) -> Any:
        return self.options["policy"].upper()

    def notes(self) -> Any:
        return self.options.get("notes", [])

    def sample_failures(self) -> Any:
        failed = [shown for shown in self.sample if "code" in shown]
        return failed if self.shop.is_exact else [self._without_quantities(shown) for shown in failed]

    @staticmethod
    def _without_quantities(shown: Mapping[str, Any]) -> Mapping[str, Any]:
        telling = shown["code"] == "INSUFFICIENT_STOCK"
        return {**shown, "message": "There are not as many units as that takes."} if telling else shown

    def sample_changes(self) -> Any:
        changed = [shown for shown in self.sample if "code" not in shown]
        return [{**shown, "fields": list(shown["changes"]), **self._counts(shown)} for shown in changed]

    def _counts(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        """Units before and after, for who sees quantities as they are."""
        stock = shown["changes"].get("stock", {}) if self.shop.is_exact else {}
        return {"stock_before": stock.get("before"), "stock_after": stock.get("after")}


class WebhookEndpoint(Record):
    """An address that events are sent to."""

    def previous_secret_until(self) -> Any:
        return self.previous_until

    def locations(self) -> Any:
        return [place for place in self.shop.all_locations if place.number in (self.location_ids or ())]

    def products(self) -> Any:
        return [product for product in self.shop.all_products if product.number in (self.product_ids or ())]

    def deliveries(self, filter: Any = None, **page: Any) -> Any:  # noqa: A002
        mine = [delivery for delivery in self.shop.all_deliveries if delivery.endpoint_id == self.number]
        mine = [delivery for delivery in mine if _is_delivery(delivery, filter or {})]
        return page_of(mine, "sequence", lambda delivery: (delivery.sequence,), **page, descending=True)


class WebhookDelivery(Record):
    """What became of an event."""

    def endpoint(self) -> Any:
        return first_of(endpoint for endpoint in self.shop.all_endpoints if endpoint.number == self.endpoint_id)


def _is_delivery(delivery: WebhookDelivery, wanted: Mapping[str, Any]) -> bool:
    statuses, endpoints = wanted.get("statuses"), wanted.get("endpoint_ids")
    return (
        (endpoints is None or delivery.endpoint_id in {number_of("WebhookEndpoint", id_) for id_ in endpoints})
        and (statuses is None or delivery.status in {status.lower() for status in statuses})
        and ((topics := wanted.get("topics")) is None or delivery.topic in topics)
        and ((ids := wanted.get("event_ids")) is None or delivery.event_id in ids)
        and ((after := wanted.get("updated_after")) is None or is_after(delivery.updated_at, after))
    )

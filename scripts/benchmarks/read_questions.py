"""The questions of `scripts/bench read` in GraphQL."""

from __future__ import annotations

from typing import Final

PAGE: Final = """query Page($first: Int!) { products(first: $first) { nodes { databaseId sku name regularPrice
  stockLevels { onHand regularPrice salePrice location { databaseId slug name } } }
  pageInfo { hasNextPage endCursor } } }"""
SINGLE: Final = """query Single($sku: String!) { product(sku: $sku) { databaseId sku name regularPrice
  stockLevels { onHand regularPrice salePrice location { databaseId slug name } } } }"""
CART: Final = """query Cart($lines: [CartLine!]!) { availabilityFor(lines: $lines) { canServeAll
  lines { sku requested status quantity canServe locations { quantity location { databaseId slug name } } }
  locations { location { databaseId slug name } } } }"""
LOW: Final = """query Low($first: Int!, $locations: [LocationKey!]!) { lowStock(first: $first, locations: $locations) {
  nodes { onHand available deficit product { sku name } location { slug name } }
  pageInfo { hasNextPage endCursor } } }"""

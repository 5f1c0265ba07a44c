"""Mounts the schema at /graphql: speaks GraphQL over HTTP and builds the schema's Context."""

from __future__ import annotations

from gateway.graphql import http, websocket

ROUTES = [*http.ROUTES, *websocket.ROUTES]

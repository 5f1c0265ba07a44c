"""Mounts the schema at /graphql: speaks GraphQL over HTTP and builds the schema's Context."""

from __future__ import annotations

from gateway.graphql.http import ROUTES

__all__ = ["ROUTES"]

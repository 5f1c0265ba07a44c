"""Webhooks out: events go from the change feed to the endpoints that want them."""

"""Bringing in the catalogue of a WooCommerce store, over its wc/v3."""

"""Exports: what storage.exports reads, as CSV and JSON Lines."""

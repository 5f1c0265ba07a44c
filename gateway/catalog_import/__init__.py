"""Catalogues from files: CSV and JSON Lines as the document that storage.catalog imports."""

"""Commands that only show something: schema, settings."""

from __future__ import annotations

import textwrap
from typing import Any, Final

import typer

_ENGINES: Final = frozenset({"sqlite", "postgresql", "postgres"})


def schema() -> None:
    """Print the GraphQL schema (SDL)."""
    from schema import sdl

    typer.echo(sdl(), nl=False)


def settings() -> None:
    """Print every setting: its environment variable, its value now, its default and its meaning."""
    from gateway import settings as module

    current = module.load()
    for name, field in module.Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        value = getattr(current, name)
        typer.echo(f"{module.PREFIX}{name.upper()} = {shown(value)}")
        if value != default:
            typer.echo(f"    default: {shown(default)}")
        typer.echo(textwrap.indent(textwrap.fill(field.description or "", 100), "    "))


def shown(value: Any) -> str:
    """A setting as it is written in the environment. Of a secret only what is not secret: the URL without password."""
    import json

    from pydantic import SecretStr

    if isinstance(value, SecretStr):
        return _masked(value.get_secret_value()) if value.get_secret_value() else "(empty)"
    return json.dumps(value) if isinstance(value, bool | list) else str(value) or "(empty)"


def _masked(secret: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(secret)
    except ArgumentError:
        return "***"
    if url.get_backend_name() not in _ENGINES:  # a secret that only looks like a URL
        return "***"
    passwords = [name for name in url.query if "pass" in name.lower()]
    return url.difference_update_query(passwords).render_as_string(hide_password=True)

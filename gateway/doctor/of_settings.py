"""Settings: names that nobody reads, values that do not fit, and some that contradict each other."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from ipaddress import ip_address

from pydantic import ValidationError
from pydantic_settings import SettingsError

from gateway.doctor.findings import Finding, fail, ok, warn
from gateway.settings import PREFIX, Settings, unknown_variables

_CHECK = "settings"


def check() -> tuple[list[Finding], Settings | None]:
    """What is wrong with them, and the settings if they can be used."""
    found = [_unknown(name) for name in unknown_variables()]
    try:
        settings = Settings()
    except ValidationError as error:
        for each in error.errors(include_input=False):
            name = f"{PREFIX}{each['loc'][0]}".upper()
            found.append(fail(_CHECK, f"{name}: {each['msg']}.", f"Correct {name}; `stockgate settings` explains it."))
        return found, None
    except SettingsError as error:
        found.append(fail(_CHECK, f"{str(error).splitlines()[0]}.", 'Write lists as JSON: ["a", "b"].'))
        return found, None
    found += _contradictions(settings)
    given = sum(1 for name in os.environ if name.upper().startswith(PREFIX))
    return found or [ok(_CHECK, f"{given} variables are set, and all of them are known and fit together.")], settings


def _unknown(name: str) -> Finding:
    like = difflib.get_close_matches(name.removeprefix(PREFIX).lower(), Settings.model_fields, n=1)
    meant = f"Did you mean {PREFIX}{like[0].upper()}?" if like else "`stockgate settings` lists all that exist."
    return fail(_CHECK, f"There is no setting {name}: the server will not start.", meant)


def _contradictions(settings: Settings) -> Iterator[Finding]:
    is_sqlite = settings.database_url.get_secret_value().startswith("sqlite")
    if is_sqlite and settings.read_database_urls:
        yield fail(_CHECK, "Replicas are set, but SQLite has none.", "Unset STOCKGATE_READ_DATABASE_URLS.")
    if is_sqlite and settings.database_pooler != "none":
        yield fail(_CHECK, "A pooler is set, but SQLite has none.", "Unset STOCKGATE_DATABASE_POOLER.")
    if settings.database_pooler == "transaction" and not settings.database_direct_url.get_secret_value():
        yield warn(
            _CHECK,
            "Behind a pooler and without a direct URL: live updates come within a second, not at once.",
            "Set STOCKGATE_DATABASE_DIRECT_URL to PostgreSQL itself.",
        )
    if settings.public_url.startswith("https:") and not settings.trusted_proxies:
        yield warn(
            _CHECK,
            "The public URL is https, but no proxy is trusted: requests look as if they came without TLS, so that "
            "consumer pairs of wc/v3 are refused.",
            "List the proxy that ends TLS in STOCKGATE_TRUSTED_PROXIES.",
        )
    if settings.database_lock_seconds_max > settings.request_seconds_max > 0:
        yield warn(
            _CHECK,
            "A statement may wait longer for a lock than a request may take.",
            "Set STOCKGATE_DATABASE_LOCK_SECONDS_MAX below STOCKGATE_REQUEST_SECONDS_MAX.",
        )
    if settings.metrics_token.get_secret_value() and settings.metrics != "key":
        yield warn(
            _CHECK,
            f"A token for /metrics is set, and nobody asks for it: STOCKGATE_METRICS is {settings.metrics}.",
            "Set STOCKGATE_METRICS=key, or unset STOCKGATE_METRICS_TOKEN.",
        )
    if not is_loopback(settings.host):
        yield from _open_to_others(settings)


def _open_to_others(settings: Settings) -> Iterator[Finding]:
    if settings.mode == "development":
        yield warn(_CHECK, f"Development mode, and listening on {settings.host}.", "Set STOCKGATE_MODE=production.")
    if settings.metrics == "open":
        yield warn(
            _CHECK,
            f"/metrics is open to everybody who reaches {settings.host}.",
            "Set STOCKGATE_METRICS=key with STOCKGATE_METRICS_TOKEN, unless the network is your own.",
        )
    if settings.takes_wc_keys_over_http:
        yield warn(
            _CHECK,
            "Consumer pairs are taken without TLS, where everybody on the way can read them.",
            "Set STOCKGATE_WC_KEYS_OVER_HTTP=off.",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""Settings: one frozen object, read from STOCKGATE_* environment variables."""

from __future__ import annotations

import os
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.currencies import CURRENCIES
from gateway.webhooks.allowed import Allowed, BadEntryError

PREFIX = "STOCKGATE_"
_TEST_PREFIX = f"{PREFIX}TEST_"
SECRET_LENGTH_MIN: Final = 32
TOKEN_LENGTH_MIN: Final = 16
BUILD_VARIABLES = frozenset({f"{PREFIX}CONSOLE_BUILD"})  # read at installation, see scripts/build_graphiql.py

COMMAND_VARIABLES: Final = frozenset({f"{PREFIX}DOCTOR_KEY"})  # read by one command, see gateway/cli/doctor.py


class UnknownSettingError(Exception):
    """An environment variable begins with STOCKGATE_ but names no setting."""


class Settings(BaseSettings):
    """Everything that can be set, with its default and its meaning."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database_url: SecretStr = Field(
        SecretStr("sqlite:///stockgate.db"),
        description="Where the data lives: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.",
    )
    database_connections_max: int = Field(
        10, ge=1, le=1000, description="Connections per process, for writes and for reads."
    )
    database_connect_seconds_max: float = Field(
        3.0, gt=0, le=300, description="Longest that connecting to PostgreSQL may take."
    )
    database_statement_seconds_max: float = Field(
        0, ge=0, le=86_400, description="Longest a PostgreSQL statement may run; 0: STOCKGATE_REQUEST_SECONDS_MAX."
    )
    database_lock_seconds_max: float = Field(
        10.0, ge=0, le=3600, description="Longest a PostgreSQL statement waits for another's lock; 0 is without end."
    )
    database_idle_in_transaction_seconds_max: float = Field(
        60.0, ge=0, le=86_400, description="Longest a PostgreSQL transaction may pause; 0 is without end."
    )
    database_unacknowledged_seconds_max: float = Field(
        10.0, ge=0, le=3600, description="After how long without a sign from PostgreSQL's host a connection is dead."
    )
    database_pooler: Literal["none", "transaction"] = Field(
        "none", description="What DATABASE_URL leads to: PostgreSQL itself, or PgBouncer in transaction mode."
    )
    database_direct_url: SecretStr = Field(
        SecretStr(""), description="PostgreSQL without its pooler, over which other gateways' news are heard at once."
    )
    read_database_urls: list[SecretStr] = Field(
        default_factory=list, description='PostgreSQL replicas that may answer reads, as JSON: ["postgresql://…"].'
    )
    read_lag_seconds_max: float = Field(
        5.0, gt=0, le=3600, description="How far behind a replica may be and still answer reads."
    )
    mode: Literal["production", "development"] = Field(
        "production", description="Development shows the schema and suggests names to everybody, not only to admins."
    )
    introspection: Literal["auto", "on", "off"] = Field(
        "auto", description="Whether every key may introspect the schema, or only admins; auto: as the mode says."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    public_url: str = Field(
        "", description="Base URL under which clients reach this server; empty: as each request says."
    )
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description='Proxies whose X-Forwarded-Proto and -For count, as JSON: ["10.0.0.5", "10.1.0.0/16"].',
    )
    secret_key: SecretStr = Field(
        SecretStr(""), description="From which consumer secrets are derived, 32 characters or more; empty: from a file."
    )
    secret_key_file: str = Field(
        "", description="The file that holds it otherwise; empty: stockgate.secret, beside an SQLite database."
    )
    timezone: str = Field("UTC", description="IANA time zone of the shop: what wc/v3 tells and takes as site time.")
    currency: str = Field("USD", description="ISO 4217 code of the currency that prices are in.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe log lines kept."
    )
    metrics: Literal["off", "key", "open"] = Field(
        "key", description="Who may read /metrics: nobody, who has the token or an admin's key, or everybody."
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="What Prometheus sends to read /metrics, 16 characters or more; empty: keys only."
    )
    telemetry: Literal["off", "on"] = Field(
        "off", description="Whether spans go to OpenTelemetry, where OTEL_* says; it needs stockgate[telemetry]."
    )
    ready_lag_seconds_max: float = Field(
        300.0, ge=1, le=604_800, description="How old changes may get that webhooks or alerts have not got to: /readyz."
    )
    stop_seconds_max: float = Field(
        10.0, ge=1, le=3600, description="How long requests in progress may take when the server is told to stop."
    )
    worker_silence_seconds_max: float = Field(
        30.0, ge=3, le=3600, description="How long a worker's event loop may stand still before it is replaced."
    )
    connections_max: int = Field(
        4000,
        ge=1,
        le=1_000_000,
        description="Open connections per process; a request on one more is answered with 503.",
    )
    header_seconds_max: float = Field(
        10.0, gt=0, le=3600, description="How long a client may take to send the head of a request."
    )
    header_bytes_max: int = Field(65_536, ge=1024, description="Largest head of a request, in bytes, URL and all.")
    headers_max: int = Field(100, ge=10, description="Most headers of a request.")
    body_seconds_max: float = Field(
        20.0, gt=0, le=3600, description="How long a client may take to send a body, beside what its size allows."
    )
    body_bytes_per_second_min: int = Field(
        1000, ge=1, description="How fast a large body has to come: a second more for so many bytes."
    )
    keep_alive_seconds_max: int = Field(
        20, ge=1, le=3600, description="How long a connection stays open between two requests."
    )
    write_seconds_max: float = Field(
        30.0, gt=0, le=3600, description="How long a client may take to read 16 KiB of an answer, or the last of it."
    )
    body_bytes_max: int = Field(8 * 1024 * 1024, ge=1024, description="Largest request body, in bytes.")
    import_bytes_max: int = Field(
        256 * 1024 * 1024, ge=1024, description="Largest file that POST /api/imports takes, in bytes."
    )
    import_days: int = Field(
        30,
        ge=0,
        le=36_500,
        description="Days for which ended imports and their failed rows are kept; 0 is for good.",
    )
    streams_max: int = Field(
        2000, ge=1, description="Open WebSockets and event streams per process, of all callers together."
    )
    streams_per_key_max: int = Field(
        1000, ge=1, description="Open WebSockets and event streams per process and API key."
    )
    subscriptions_per_connection_max: int = Field(
        100, ge=1, description="Operations that run at once on one WebSocket."
    )
    request_seconds_max: float = Field(
        30.0, ge=0, le=3600, description="Longest a request may take, CSV exports excepted; 0 is without end."
    )
    query_characters_max: int = Field(50_000, ge=1, description="Longest GraphQL document, in characters.")
    query_tokens_max: int = Field(4000, ge=1, description="Most tokens in a GraphQL document.")
    query_depth_max: int = Field(20, ge=1, le=100, description="How deeply selections may nest.")
    query_fields_max: int = Field(1000, ge=1, description="Most fields in a GraphQL document, fragments expanded.")
    query_aliases_max: int = Field(100, ge=0, description="Most aliases in a GraphQL document, fragments expanded.")
    query_root_fields_max: int = Field(50, ge=1, description="Most root fields of an operation: each is a statement.")
    query_directives_max: int = Field(50, ge=0, description="Most directives in a GraphQL document.")
    query_cost_max: int = Field(50_000, ge=1, description="Most points that one operation may cost.")
    cost_per_minute: int = Field(
        10_000_000, ge=0, description="Points an API key may spend per minute and process; 0 is unlimited."
    )
    rest_request_cost: int = Field(
        10, ge=0, description="Points that a REST request costs its API key; 0 is nothing, and nothing is told of it."
    )
    persisted_only: Literal["off", "public", "all"] = Field(
        "off", description="Whether public keys, or all, may only run operations that are listed."
    )
    persisted_max: int = Field(
        1000, ge=0, description="Most operations that clients may persist by themselves; the oldest give way."
    )
    key_cache_seconds: float = Field(
        3.0, ge=0, le=5, description="How long a verified API key is trusted before it is looked up again."
    )
    cors_origins: list[str] = Field(
        default_factory=list, description='Browser origins that may call, as JSON: ["https://shop.example"] or ["*"].'
    )
    bulk_items_max: int = Field(1000, ge=1, le=100_000, description="Most lines in one bulk request.")
    bulk_rollback_ratio_of: Literal["limit", "request"] = Field(
        "limit",
        description="bulk-sync rolls back when over half of bulk_items_max (limit) or of its items (request) fail.",
    )
    mulopimfwc_statuses: Literal["documented", "plugin"] = Field(
        "documented", description="HTTP statuses of mulopimfwc/v1: as its documentation says, or as the plugin answers."
    )
    mulopimfwc_stock_required: bool = Field(
        default=True, description="Whether every mulopimfwc/v1 item needs `stock`; false accepts price-only items."
    )
    wc_keys_over_http: Literal["auto", "on", "off"] = Field(
        "auto", description="Whether wc/v3 takes consumer keys without TLS unsigned; auto: in development mode."
    )
    wc_foreign_lists: Literal["empty", "missing"] = Field(
        "empty", description="Whether orders, customers and coupons of wc/v3 are empty lists or no routes at all."
    )
    tax_rate: Decimal = Field(
        Decimal("0.19"),
        ge=0,
        le=1,
        description="Tax rate of products that have none of their own, as a fraction: 0.19 is 19 %.",
    )
    waiting_tills_max: int = Field(
        1000, ge=0, description="Reads and small changes that wait for the database; one more is told to come again."
    )
    waiting_bulks_max: int = Field(
        100, ge=0, description="Changes of more than 20 lines that wait for the database, which do so behind tills."
    )
    waiting_exports_max: int = Field(
        20, ge=0, description="Exports that wait for the database, which do so behind tills and bulks."
    )
    csv_exports_max: int = Field(
        4, ge=1, le=1000, description="CSV exports streaming at once; each keeps a database connection while it lasts."
    )
    idempotency_hours: int = Field(
        0, ge=0, le=87_600, description="How long idempotency keys and their answers are kept, in hours; 0 is for ever."
    )
    ledger_months: int = Field(
        0,
        ge=0,
        le=1200,
        description="Months of the ledger that are kept before the present one; older entries are pruned. 0 is all.",
    )
    webhooks_sent: bool = Field(
        default=True, description="Whether this gateway sends webhooks; another one on the same database may do so."
    )
    webhook_seconds_max: float = Field(
        15.0, ge=1, le=60, description="How long the receiver of a webhook may take to answer."
    )
    webhook_requests_max: int = Field(
        16,
        ge=1,
        le=1000,
        description="Requests at once to one endpoint of webhooks; of a level there is one at a time.",
    )
    webhook_deliveries_days: int = Field(
        7, ge=1, le=3650, description="How long it is kept what became of webhooks, in days."
    )
    webhook_targets_allowed: list[str] = Field(
        default_factory=list,
        description='Inner hosts and networks webhooks may go to, as JSON: ["erp.internal:8443", "10.1.0.0/16"].',
    )
    low_stock_digest_at: str = Field(
        "",
        pattern=r"^(|([01][0-9]|2[0-3]):[0-5][0-9])$",
        description="When webhooks get the day's digest of low stock: 07:30, in STOCKGATE_TIMEZONE; empty: never.",
    )
    log_webhooks: bool = Field(default=False, description="Whether incoming webhooks are logged, one JSON line each.")
    webhook_log_directory: Path = Field(Path("logs"), description="Folder of the webhook log files.")
    console: Literal["auto", "on", "off"] = Field(
        "auto", description="GraphiQL at /graphql and /console: on, off, or auto: on in development mode."
    )
    docs: bool = Field(default=True, description="Whether the API's page is served at /docs; /openapi.json always is.")
    console_key: SecretStr = Field(
        SecretStr(""),
        description="API key that GraphiQL fills in for browsers on this machine; `serve --demo` sets it to its own.",
    )

    @property
    def takes_wc_keys_over_http(self) -> bool:
        """Whether a consumer pair that everybody on the way can read opens wc/v3."""
        by_mode = "on" if self.mode == "development" else "off"
        return (by_mode if self.wc_keys_over_http == "auto" else self.wc_keys_over_http) == "on"

    @field_validator("secret_key")
    @classmethod
    def _is_long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < SECRET_LENGTH_MIN:
            raise PydanticCustomError("too_short", f"must have at least {SECRET_LENGTH_MIN} characters")
        return value

    @field_validator("metrics_token")
    @classmethod
    def _is_no_short_token(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < TOKEN_LENGTH_MIN:
            raise PydanticCustomError("too_short", f"must have at least {TOKEN_LENGTH_MIN} characters")
        return value

    @field_validator("timezone")
    @classmethod
    def _is_a_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):  # no such zone, or no name of one
            raise PydanticCustomError("no_time_zone", "{text} is no IANA time zone", {"text": repr(value)}) from None
        return value

    @field_validator("currency")
    @classmethod
    def _is_a_currency(cls, value: str) -> str:
        if value not in CURRENCIES:
            raise PydanticCustomError("no_currency", "{text} is no ISO 4217 currency", {"text": repr(value)})
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, value: list[str]) -> list[str]:
        for text in value:
            try:
                ip_network(text)
            except ValueError:
                raise PydanticCustomError(
                    "no_address", "{text} is neither an address nor a network", {"text": repr(text)}
                ) from None
        return value

    @field_validator("webhook_targets_allowed")
    @classmethod
    def _are_targets(cls, value: list[str]) -> list[str]:
        try:
            Allowed.of(value)
        except BadEntryError as error:
            raise PydanticCustomError(
                "no_target", "{text} is no host, address or network, with or without a port", {"text": repr(str(error))}
            ) from None
        return value


def load() -> Settings:
    """The settings of this process.

    Raises UnknownSettingError for a variable that names no setting, pydantic.ValidationError for a bad value.
    """
    for variable in unknown_variables():
        raise UnknownSettingError(f"Unknown setting {variable}. `stockgate settings` lists all that exist.")
    return Settings()


def unknown_variables() -> list[str]:
    """Variables of the environment that look like settings and are none."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields} | BUILD_VARIABLES | COMMAND_VARIABLES
    return [
        variable
        for variable in os.environ
        if variable.upper().startswith(PREFIX)
        and not variable.startswith(_TEST_PREFIX)
        and variable.upper() not in known
    ]

"""The `stockgate` command: every error is one clear line on standard error and a non-zero exit."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from gateway.cli import (
    catalog,
    database,
    doctor,
    exports,
    inspection,
    key_report,
    keys,
    ledger,
    migrate_data,
    operations,
    rules,
    serving,
    webhooks,
    woocommerce,
)
from gateway.cli import imports as files
from gateway.cli import report as report_commands
from gateway.cli.failures import explain

_HELP = """A GraphQL and REST gateway over multi-location inventory.

`stockgate serve --demo` starts it on a small catalogue of its own, with nothing to set up. Settings are
environment variables; `stockgate settings` lists them, STOCKGATE_DATABASE_URL first.
"""

app = typer.Typer(help=_HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
key = typer.Typer(help="API keys: who may read and write.", no_args_is_help=True, rich_markup_mode=None)
webhook_secret = typer.Typer(
    help="Secrets for systems that push webhooks.", no_args_is_help=True, rich_markup_mode=None
)
webhook = typer.Typer(
    help="Webhooks out: who is sent events, and what became of them.", no_args_is_help=True, rich_markup_mode=None
)
listed = typer.Typer(
    help="GraphQL operations that may run where only listed ones may.", no_args_is_help=True, rich_markup_mode=None
)
entries = typer.Typer(help="The ledger: archive and prune what is old.", no_args_is_help=True, rich_markup_mode=None)
report = typer.Typer(help="What needs attention.", no_args_is_help=True, rich_markup_mode=None)
ownership = typer.Typer(help="Who may write which field.", no_args_is_help=True, rich_markup_mode=None)
imports = typer.Typer(help="Bring in your own data.", no_args_is_help=True, rich_markup_mode=None)
exported = typer.Typer(help="Write what there is to files.", no_args_is_help=True, rich_markup_mode=None)

app.command()(serving.serve)
app.command()(database.migrate)
app.command()(migrate_data.migrate_data)
app.command()(catalog.seed)
app.command()(database.reconcile)
app.command()(doctor.doctor)
app.command()(inspection.schema)
app.command()(inspection.settings)
app.add_typer(entries, name="ledger")
entries.command("archive")(ledger.archive)
entries.command("prune")(ledger.prune)
app.add_typer(imports, name="import")
imports.command("catalog")(catalog.import_catalog)
imports.command("inventory")(files.import_inventory)
imports.command("woocommerce")(woocommerce.import_woocommerce)
app.add_typer(exported, name="export")
exported.command("inventory")(exports.inventory)
exported.command("products")(exports.products)
exported.command("locations")(exports.locations)
exported.command("ledger")(exports.ledger)
app.add_typer(key, name="key")
key.command("create")(keys.create_key)
key.command("list")(keys.list_keys)
key.command("report")(key_report.report)
key.command("rotate")(keys.rotate_key)
key.command("revoke")(keys.revoke_key)
app.add_typer(webhook_secret, name="webhook-secret")
app.add_typer(webhook, name="webhook")
webhook.command("create")(webhooks.create)
webhook.command("list")(webhooks.list_endpoints)
webhook.command("show")(webhooks.show)
webhook.command("pause")(webhooks.pause)
webhook.command("resume")(webhooks.resume)
webhook.command("disable")(webhooks.disable)
webhook.command("delete")(webhooks.delete)
webhook.command("rotate")(webhooks.rotate)
webhook.command("deliveries")(webhooks.deliveries)
webhook.command("redeliver")(webhooks.redeliver)
webhook.command("test")(webhooks.try_out)
app.add_typer(listed, name="operations")
listed.command("add")(operations.add)
listed.command("list")(operations.list_operations)
listed.command("remove")(operations.remove)
app.add_typer(ownership, name="rules")
ownership.command("set")(rules.set_rule)
ownership.command("list")(rules.list_rules)
ownership.command("remove")(rules.remove_rule)
webhook_secret.command("create")(keys.create_webhook_secret)


@webhook_secret.callback()
def _webhook_secrets() -> None:  # a group with one command would otherwise be that command
    pass


app.add_typer(report, name="report")
report.command("low-stock")(report_commands.low_stock)


@report.callback()
def _reports() -> None:  # as above
    pass


@imports.callback()
def _imports() -> None:  # as above
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; always ends by SystemExit."""
    try:
        app(arguments if arguments is None else list(arguments))
    except Exception as error:
        lines = explain(error)
        if lines is None:
            raise
        print(*(f"stockgate: {line}" for line in lines), sep="\n", file=sys.stderr)
        sys.exit(1)

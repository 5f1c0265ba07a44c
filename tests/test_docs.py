"""The documentation tells the truth: its commands run and answer as printed, and nothing is left out."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url
from starlette.routing import Route

from gateway.cli.inspection import shown
from gateway.dialects import DIALECTS
from gateway.dialects.dialect import Dialect
from gateway.settings import BUILD_VARIABLES, COMMAND_VARIABLES, PREFIX, Settings
from tests.serving import Demo, environment, serving_demo

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
_BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
_SERVE = "scripts/serve --demo\n"
_POSTGRES_URL = "postgresql://stockgate:secret@db.example/stockgate"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    with serving_demo(folder) as demo:
        yield demo


def run(command: str, folder: Path, **variables: str) -> str:
    """What a shell prints for a command that succeeds."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder, env=environment(**variables), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_examples_that_the_demo_prints_work_as_printed(demo: Demo) -> None:
    query, update = demo.examples
    answer = json.loads(run(query, demo.folder))
    assert answer["data"]["product"]["onHand"] == 41
    assert json.loads(run(update, demo.folder))["success"] is True
    assert json.loads(run(query, demo.folder))["data"]["product"]["onHand"] == 49


def test_a_second_start_has_a_fresh_key_and_revokes_the_first(tmp_path: Path) -> None:
    with serving_demo(tmp_path) as first:
        run(first.examples[1], tmp_path)
    with serving_demo(tmp_path) as second:
        assert json.loads(run(second.examples[0], tmp_path))["data"]["product"]["onHand"] == 49, "the demo was reset"
        stale = run(second.examples[0].replace(second.key, first.key), tmp_path)
        assert json.loads(stale)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_the_readme_does_what_it_says(tmp_path: Path, postgres_server: str) -> None:
    """Every command in order, each in the shell that the exports before it have left; answers are compared."""
    name = f"stockgate_readme_{secrets.token_hex(4)}"
    postgres_url = make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    _on_postgres(postgres_server, f"CREATE DATABASE {name}")
    try:
        with serving_demo(tmp_path) as demo:
            exports = ""
            for kind, text in _BLOCKS:
                if text == _SERVE or kind in {"html", "python"}:  # these have tests of their own
                    continue
                if kind == "sh":
                    command = text.replace("sgk_...", demo.key).replace("http://127.0.0.1:8000", demo.base)
                    command = command.replace(_POSTGRES_URL, f"'{postgres_url}'")
                    command = command.replace("source .venv/bin/activate", "command -v stockgate")
                    printed = run(exports + command, tmp_path)
                    exports += "".join(line + "\n" for line in command.splitlines() if line.startswith("export "))
                elif kind == "json":
                    assert json.loads(printed) == json.loads(text)
                else:
                    assert printed == text
    finally:
        _on_postgres(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


def _on_postgres(url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute())


def test_the_readme_begins_with_the_one_command_that_runs_it() -> None:
    assert _BLOCKS[0] == ("sh", _SERVE)


def test_every_setting_has_its_line_in_the_readme() -> None:
    lines = []
    for name, field in Settings.model_fields.items():
        default = shown(field.get_default(call_default_factory=True))
        lines.append(f"| `{PREFIX}{name.upper()}` | {_code(default)} | {field.description} |")
    assert re.findall(rf"^\| `{PREFIX}.*$", README, re.MULTILINE) == lines


def _code(text: str) -> str:
    return "" if text == "(empty)" else f"`{text}`"


@pytest.mark.parametrize("document", ["README.md", "scripts/README.md"])
def test_every_file_that_is_named_exists(document: str) -> None:
    named = re.findall(
        r"`((?:scripts|schema|storage|gateway|tests)/[\w./]*\w|\.ci/run)`", (ROOT / document).read_text()
    )
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_script_has_its_line() -> None:
    chores, _, _benchmarks = (ROOT / "scripts/README.md").read_text().partition("## Benchmarks")
    described = set(re.findall(r"^\| `([\w.]+)` \|", chores, re.MULTILINE))
    scripts = {path.name for path in (ROOT / "scripts").iterdir() if path.is_file() and os.access(path, os.X_OK)}
    assert scripts == described


def _package(dialect: Dialect) -> str:
    return f"gateway.dialects.{re.sub('[/-]', '_', dialect.name)}"


@pytest.mark.parametrize(
    "dialect", [dialect for dialect in DIALECTS if find_spec(f"{_package(dialect)}.errors")], ids=lambda d: d.name
)
def test_every_route_and_code_of_a_dialect_has_its_line_in_its_readme(dialect: Dialect) -> None:
    readme = (ROOT / _package(dialect).replace(".", "/") / "README.md").read_text()
    routes = [route for route in dialect.routes if isinstance(route, Route)]
    paths = {re.sub(r":\w+}", "}", route.path.rstrip("/")) for route in routes} - {""}
    codes = {rendered.code for rendered in import_module(f"{_package(dialect)}.errors").RENDERED.values()}
    assert routes
    assert [path for path in sorted(paths) if path not in readme] == []
    assert [code for code in sorted(codes) if f"`{code}`" not in readme] == []


def test_the_readme_names_no_setting_that_does_not_exist() -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", README)) - {PREFIX}
    assert named <= {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | BUILD_VARIABLES | COMMAND_VARIABLES

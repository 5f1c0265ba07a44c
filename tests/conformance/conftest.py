"""A running server, and Node with what package-lock.json lists, for clients and audits that others wrote."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from tests.conformance.serving import Served, serving
from tests.conftest import ENGINES, _admin, _copy

HERE = Path(__file__).parent
Node = Callable[..., Any]


@pytest.fixture(scope="session")
def node() -> Node:
    """Runs a script of this folder; the JSON it prints. Without Node tests are skipped, but never in CI."""
    if problem := _install():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(problem)

    def run(script: str, *arguments: str) -> Any:
        done = subprocess.run(
            ["node", HERE / script, *arguments],
            cwd=HERE, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return json.loads(done.stdout)

    return run


def _install() -> str:
    """What package-lock.json lists, into node_modules, which is not in git. What is in the way, or ''."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "node and npm are not installed"
    installed, wanted = HERE / "node_modules/.installed-from", (HERE / "package-lock.json").read_bytes()
    with (HERE / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process of a run does it, the others wait
        if installed.exists() and installed.read_bytes() == wanted:
            return ""
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"],
            cwd=HERE, capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        if done.returncode:
            return f"npm ci failed: {done.stderr}"
        installed.write_bytes(wanted)
        return ""


@pytest.fixture(scope="session", params=ENGINES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running server with the demo's catalogue, once per engine; nothing may have gone wrong inside it."""
    with serving_on(request, tmp_path_factory, trusted_proxies='["127.0.0.1"]') as served:
        yield served
    assert served.failures() == []


@contextmanager
def serving_on(request: pytest.FixtureRequest, folders: pytest.TempPathFactory, **settings: str) -> Iterator[Served]:
    """Serve a database of its own, on the engine that the fixture's parameter names."""
    template = request.getfixturevalue("postgres_template" if request.param == "postgresql" else "sqlite_template")
    folder = folders.mktemp("server")
    url = asyncio.run(_copy(template, folder))
    with serving(url, folder, cost_per_minute="0", **settings) as served:
        yield served
    if request.param == "postgresql":
        asyncio.run(_admin(template, f"DROP DATABASE {make_url(url).database} WITH (FORCE)", database="postgres"))

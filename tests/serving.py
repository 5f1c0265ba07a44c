"""`stockgate serve --demo` as a user has it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.settings import PREFIX


@dataclass
class Demo:
    """A running `stockgate serve --demo`, and what it printed."""

    folder: Path
    greeting: str

    @property
    def base(self) -> str:
        """Where it serves."""
        return re.search(r"GraphQL +(http://\S+)/graphql", self.greeting)[1]  # type: ignore[index]

    @property
    def key(self) -> str:
        """The key it printed."""
        return re.search(r"API key +(sgk_\S+)", self.greeting)[1]  # type: ignore[index]

    @property
    def examples(self) -> list[str]:
        """The commands it printed, whole."""
        return re.findall(r"^curl (?:.*\\\n)*.*$", self.greeting, re.MULTILINE)


@contextmanager
def serving_demo(folder: Path, **variables: str) -> Iterator[Demo]:
    """`stockgate serve --demo`, started in a folder and ready; stopped at the end."""
    log = folder / f"out-{secrets.token_hex(3)}.txt"
    with log.open("w") as out:
        command = [str(Path(sys.executable).with_name("stockgate")), "serve", "--demo", "--port", "0"]
        process = subprocess.Popen(command, cwd=folder, stdout=out, env=environment(**variables))
    try:
        for _ in range(600):
            greeting = log.read_text()
            if len(re.findall(r"-d '.*'$", greeting, re.MULTILINE)) == 2:
                break
            assert process.poll() is None, "stockgate serve --demo ended"
            time.sleep(0.05)
        else:
            raise AssertionError("stockgate serve --demo did not get ready in 30 s")
        yield Demo(folder, greeting)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def environment(**more: str) -> dict[str, str]:
    """The environment of a user who has set nothing."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**clean, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **more}

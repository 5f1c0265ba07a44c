"""Request bodies, within the size that the settings allow."""

from __future__ import annotations

from starlette.requests import Request


class BodyTooLargeError(Exception):
    """The body is larger than `bytes_max`; no more of it was read than that."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"The request body is larger than {bytes_max} bytes.")


async def read_body(request: Request) -> bytes:
    """The whole body. Raises BodyTooLargeError, by the announced length before anything is read."""
    bytes_max: int = request.app.state.settings.body_bytes_max
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > bytes_max:
        raise BodyTooLargeError(bytes_max)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > bytes_max:
            raise BodyTooLargeError(bytes_max)
        chunks.append(chunk)
    return b"".join(chunks)

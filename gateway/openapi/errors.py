"""What every route may be answered with instead, in the shape of its dialect."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.openapi.described import Answer, Model


def errors(model: Model, *headers: str) -> Mapping[int, Answer]:
    """The errors that all dialects have; `headers` are those that the dialect puts on each."""
    return {
        400: Answer("The body is no JSON, or a parameter or header cannot be read.", model, headers=headers),
        401: Answer("No valid credentials.", model, headers=[*headers, "WWW-Authenticate"]),
        403: Answer("Valid credentials, but not for this.", model, headers=headers),
        413: Answer("The body is too large.", model, headers=headers),
        429: Answer("The key has spent its minute.", model, headers=[*headers, "Retry-After"]),
        500: Answer("A bug; the log has it under the request's id.", model, headers=headers),
        503: Answer(
            "The inventory is not available at the moment, or too many wait for it.",
            model,
            headers=[*headers, "Retry-After"],
        ),
        504: Answer("It took longer than a request may, and nothing was written.", model, headers=headers),
    }

"""The headers that every dialect understands."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from gateway.dialects.extra_headers import ExtraHeaders, InvalidHeaderError, changed_headers


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ("", None), ("*", None), (" * ", None), ('"a"', ("a",)), ('W/"a"', ("a",)), ("12", ("12",)),
        ('"a, b" , W/"c",d', ("a, b", "c", "d")), ('""', ("",)), (",", ()),
    ],
)  # fmt: skip
def test_if_match_gives_its_tags_without_quotes(value: str, tags: tuple[str, ...] | None) -> None:
    assert ExtraHeaders.of(Headers({"if-match": value})).if_match == tags


def test_what_has_one_version_is_asked_for_by_one_tag() -> None:
    assert ExtraHeaders(if_match=("v1",)).expected == "v1"
    assert (ExtraHeaders().expected, ExtraHeaders(if_match=()).expected) == (None, "")
    with pytest.raises(InvalidHeaderError, match="one ETag"):
        _ = ExtraHeaders(if_match=("v1", "v2")).expected


def test_a_header_that_cannot_be_understood_is_refused_by_name() -> None:
    for name, value in (("X-Dry-Run", "maybe"), ("Idempotency-Key", "k" * 256), ("Idempotency-Key", "k\x7f")):
        with pytest.raises(InvalidHeaderError, match=name) as refused:
            ExtraHeaders.of(Headers({name: value}))
        assert refused.value.name == name
    asked = ExtraHeaders.of(Headers({"X-Dry-Run": " YES ", "Idempotency-Key": " k "}))
    assert asked == ExtraHeaders(idempotency_key="k", dry_run=True)


def test_a_dry_run_names_no_change_group() -> None:
    assert changed_headers() == {}
    assert changed_headers(group_id=7, replayed=True, etag=3) == {
        "ETag": '"3"', "X-Stock-Change-Group": "7", "Idempotent-Replayed": "true",
    }  # fmt: skip
    assert changed_headers(group_id=7, dry_run=True, etag="a") == {"ETag": '"a"', "X-Dry-Run": "1"}

"""Attributes: of a product the names and all options they have, of a variation the options that tell it apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.dialects.wc_v3.draft import Draft, kept_of
from storage.changes import Refused
from storage.slugs import slug_of


def take_attributes(draft: Draft) -> Refused | None:
    """What the body says of attributes."""
    if "attributes" not in draft.fields:
        return None
    sent = draft.fields["attributes"] or []
    if draft.is_variation:
        chosen = {name: option for name, option in _chosen(sent, draft.parent) if name and option}
        draft.values["attributes"] = [{"name": name, "value": option} for name, option in chosen.items()]
    else:
        attributes = list(_complete(sent, draft.kept.get("attributes") or draft.shown_attributes or []))
        if "attributes" in draft.kept or attributes != draft.shown_attributes:
            draft.keep("attributes", attributes, [])
    return None


def _chosen(sent: Sequence[Mapping[str, Any]], parent: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Name and option; an attribute that is named by its id alone is the parent's. Without an option it is any."""
    names = {attribute["id"]: attribute["name"] for attribute in kept_of(parent).get("attributes", ())}
    for attribute in sent:
        name = attribute.get("name") or names.get(attribute.get("id") or 0, "")
        yield name.strip(), (attribute.get("option") or "").strip()


def _complete(sent: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Complete attributes; one without id and name is none."""
    names = {attribute["id"]: attribute["name"] for attribute in before}
    for attribute in sent:
        number = attribute.get("id") or 0
        name = (attribute.get("name") or names.get(number, "")).strip()
        if not name and not number:
            continue
        slug = attribute.get("slug") or (f"pa_{slug_of(name) or number}" if number else name)
        yield {
            "id": number,
            "name": name,
            "slug": slug,
            "position": attribute.get("position") or 0,
            "visible": bool(attribute.get("visible")),
            "variation": bool(attribute.get("variation")),
            "options": _options(attribute.get("options") or []),
        }


def _options(sent: Sequence[str] | str) -> list[str]:
    """A list, or text with bars between the options."""
    options = sent.split("|") if isinstance(sent, str) else sent
    return [option.strip() for option in options if option.strip()]

"""Which system owns which field."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Index, text
from sqlmodel import Field, SQLModel

from storage.columns import Id, Key
from storage.tables.fields import moment, row_id


class SourceRule(SQLModel, table=True):
    """Only its owners may write a field, everywhere or at one location; `mode` says what becomes of others' writes.

    `field` is stock, prices, backorders, disabled or catalog; `mode` is reject or ignore. A rule of a location goes
    before the one for everywhere.
    """

    __tablename__ = "source_rule"

    id: int | None = row_id()
    field: str = Field(sa_column=Column(Key, nullable=False))
    location_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("location.id")))
    mode: str = Field(sa_column=Column(Key, nullable=False))
    created_at: datetime = moment()
    updated_at: datetime = moment()

    __table_args__ = (
        Index(
            "uq_source_rule_field",
            "field",
            unique=True,
            sqlite_where=text("location_id IS NULL"),
            postgresql_where=text("location_id IS NULL"),
        ),
        Index("uq_source_rule_field_location_id", "field", "location_id", unique=True),
    )


class SourceRuleOwner(SQLModel, table=True):
    """An API key that may write what a rule is about."""

    __tablename__ = "source_rule_owner"

    source_rule_id: int = Field(
        sa_column=Column(Id, ForeignKey("source_rule.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    api_key_id: int = Field(sa_column=Column(Id, ForeignKey("api_key.id"), primary_key=True, autoincrement=False))

"""Which system owns which field."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Index, text
from sqlmodel import Field, SQLModel

from storage.columns import Document, Id, Key
from storage.tables.fields import moment, row_id


class SourceRule(SQLModel, table=True):
    """Only its owners may write a field, everywhere or at one location; `mode` says what becomes of others' writes.

    `field` is stock, prices, backorders, disabled or catalog; `mode` is reject or ignore. A rule of a location goes
    before the one for everywhere. `owners` has the id and the name of each API key, which both stay as they are: so all
    of a rule is one row, read beside what writers look up without a join.
    """

    __tablename__ = "source_rule"

    id: int | None = row_id()
    field: str = Field(sa_column=Column(Key, nullable=False))
    location_id: int | None = Field(default=None, sa_column=Column(Id, ForeignKey("location.id")))
    owners: list[list[int | str]] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
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

"""Imports: jobs, and the rows that they bring in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from storage.columns import Document, Id, Key
from storage.tables.fields import moment, row_id, units, words


class ImportJob(SQLModel, table=True):
    """One file, or one other source, that is brought in: what it holds, how it is applied, and how far that has got.

    `fingerprint` is the SHA-256 of its content and options: the same again, unfinished, is gone on with. `state` is one
    of storage.imports.State. `to_change`, `unchanged` and `failed` are what the preview says of its `rows`; `changed`
    and `refused` are what applying came to so far. Of its `chunks`, the first `previewed_chunks` were previewed and the
    first `applied_chunks` applied. The process that works on it is `leased_by`, until `leased_until`.
    """

    __tablename__ = "import_job"

    id: int | None = row_id()
    kind: str = Field(sa_column=Column(Key, nullable=False))
    state: str = Field(sa_column=Column(Key, nullable=False, index=True))
    name: str = words()
    fingerprint: str = Field(sa_column=Column(Key, nullable=False, index=True))
    options: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))
    api_key_id: int | None = Field(default=None, sa_column=Column(Id))
    principal: str = words()
    rows: int = units()
    to_change: int = units()
    unchanged: int = units()
    failed: int = units()
    changed: int = units()
    refused: int = units()
    chunks: int = units()
    previewed_chunks: int = units()
    applied_chunks: int = units()
    sample: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    error: str | None = words(nullable=True)
    leased_by: str | None = words(nullable=True)
    leased_until: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
    updated_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)


class ImportChunk(SQLModel, table=True):
    """Some rows of an import as JSON (storage.import_rows), with their line numbers. Those of the file's that could not
    be read are in `unreadable`, those that the inventory refuses in `failures`: by the preview, then by applying."""

    __tablename__ = "import_chunk"

    job_id: int = Field(sa_column=Column(Id, ForeignKey("import_job.id", ondelete="CASCADE"), primary_key=True))
    number: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    rows: str = words()
    unreadable: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(Document))
    failures: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(Document))

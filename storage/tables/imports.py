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

    `fingerprint` is the SHA-256 of its content and options: the same again, unfinished, is gone on with. `state` is
    previewing, previewed, applying, finished, cancelled or failed. `chunks` are to be applied, `applied_chunks` were.
    The process that works on it is `leased_by`, until `leased_until`.
    """

    __tablename__ = "import_job"

    id: int | None = row_id()
    kind: str = Field(sa_column=Column(Key, nullable=False))
    state: str = Field(sa_column=Column(Key, nullable=False))
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
    chunks: int = units()
    applied_chunks: int = units()
    sample: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    error: str | None = words(nullable=True)
    leased_by: str | None = words(nullable=True)
    leased_until: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
    updated_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)


class ImportChunk(SQLModel, table=True):
    """Some rows of an import as JSON, with their line numbers; and those of them that failed, with the reasons."""

    __tablename__ = "import_chunk"

    job_id: int = Field(sa_column=Column(Id, ForeignKey("import_job.id", ondelete="CASCADE"), primary_key=True))
    number: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    rows: str = words()
    failures: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(Document))

"""How columns are declared: what every table's have in common."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Text
from sqlmodel import Field, SQLModel

from storage.columns import Id, Price, Timestamp

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def row_id() -> Any:
    """A number that the database gives."""
    return Field(default=None, sa_column=Column(Id, primary_key=True, autoincrement=True))


def words(*, nullable: bool = False, unique: bool = False) -> Any:
    """Text of any length."""
    return Field(default=None if nullable else "", sa_column=Column(Text, nullable=nullable, unique=unique))


def units() -> Any:
    """A whole number that begins with 0."""
    return Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))


def flag(*, default: bool) -> Any:
    """Yes or no."""
    return Field(default=default, sa_column=Column(Boolean, nullable=False))


def moment(*, nullable: bool = False) -> Any:
    """A time in UTC."""
    return Field(default=None, sa_column=Column(Timestamp, nullable=nullable))


def price() -> Any:
    """An exact decimal with four places, or none."""
    return Field(default=None, sa_column=Column(Price))

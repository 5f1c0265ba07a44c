"""Distances on the Earth in SQL, in whole metres: as on a sphere, which is right within half a percent."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Float, Integer, and_, case, cast, func, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from storage.json_rows import Construct

EARTH_RADIUS_M: Final = 6_371_008.8
KM_MAX: Final = 20_050.0
"""No two places are farther apart."""
_TWO: Final = literal_column("2.0", Float())


class _AtMostOne(Construct):
    name = "at_most_one"
    inherit_cache = True
    type = Float()


@compiles(_AtMostOne, "sqlite")
def _at_most_one_sqlite(element: _AtMostOne, compiler: SQLCompiler, **kw: Any) -> str:
    return f"min(1.0, {compiler.process(element.clauses, **kw)})"


@compiles(_AtMostOne, "postgresql")
def _at_most_one_postgresql(element: _AtMostOne, compiler: SQLCompiler, **kw: Any) -> str:
    return f"least(1.0, {compiler.process(element.clauses, **kw)})"


def metres(place: Any, latitude: ColumnElement[float], longitude: ColumnElement[float]) -> ColumnElement[int | None]:
    """How far a place with `latitude` and `longitude` is from a point; NULL when it has none. By the haversine."""
    north, east = func.radians(place.latitude - latitude), func.radians(place.longitude - longitude)
    narrowing = func.cos(func.radians(latitude)) * func.cos(func.radians(place.latitude))
    square = func.power(func.sin(north / _TWO), _TWO) + narrowing * func.power(func.sin(east / _TWO), _TWO)
    diameter = literal_column(str(2 * EARTH_RADIUS_M), Float())
    distance = cast(func.round(diameter * func.asin(func.sqrt(_AtMostOne(square)))), Integer)
    return case((and_(place.latitude.is_not(None), place.longitude.is_not(None)), distance))

"""What the WordPress-shaped dialects share: how routes are addressed, read, guarded, described and dressed.

A dialect declares a Namespace of Resources; each Endpoint turns a RestRequest into an Answer or raises a RestError.
"""

from gateway.dialects.wordpress.addressing import Addressing
from gateway.dialects.wordpress.answers import Answer, RestError
from gateway.dialects.wordpress.failures import HANDLERS
from gateway.dialects.wordpress.indexes import root
from gateway.dialects.wordpress.paging import COLLECTION, CONTEXT, paged, window
from gateway.dialects.wordpress.parameters import Parameter
from gateway.dialects.wordpress.requests import RestRequest
from gateway.dialects.wordpress.resources import Endpoint, Namespace, Resource, anyone, editable, routes
from gateway.dialects.wordpress.schemas import object_schema

__all__ = [
    "COLLECTION",
    "CONTEXT",
    "HANDLERS",
    "Addressing",
    "Answer",
    "Endpoint",
    "Namespace",
    "Parameter",
    "Resource",
    "RestError",
    "RestRequest",
    "anyone",
    "editable",
    "object_schema",
    "paged",
    "root",
    "routes",
    "window",
]

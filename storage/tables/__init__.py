"""The shape of the database, nothing more. Rows are read through these classes; they validate nothing."""

from storage.tables.access import ApiKey as ApiKey
from storage.tables.access import IdempotencyRecord as IdempotencyRecord
from storage.tables.access import KeyUse as KeyUse
from storage.tables.access import OauthNonce as OauthNonce
from storage.tables.access import PersistedOperation as PersistedOperation
from storage.tables.access import WebhookSecret as WebhookSecret
from storage.tables.imports import ImportChunk as ImportChunk
from storage.tables.imports import ImportJob as ImportJob
from storage.tables.inventory import CatalogChange as CatalogChange
from storage.tables.inventory import LedgerEntry as LedgerEntry
from storage.tables.inventory import LedgerOpening as LedgerOpening
from storage.tables.inventory import Location as Location
from storage.tables.inventory import Product as Product
from storage.tables.inventory import StockChangeGroup as StockChangeGroup
from storage.tables.inventory import StockLevel as StockLevel
from storage.tables.ownership import SourceRule as SourceRule
from storage.tables.webhooks import FeedReader as FeedReader
from storage.tables.webhooks import StockAlert as StockAlert
from storage.tables.webhooks import StockWatch as StockWatch
from storage.tables.webhooks import WebhookDelivery as WebhookDelivery
from storage.tables.webhooks import WebhookEndpoint as WebhookEndpoint

"""The core: tables, rules, operations and reads. Knows neither HTTP nor GraphQL."""

"""The GraphQL translator."""

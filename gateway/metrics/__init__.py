"""What this program counts, and GET /metrics, which tells it to Prometheus. Decisions are in README.md."""

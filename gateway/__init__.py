"""Transport: HTTP in, HTTP out. Nothing here decides anything about stock."""

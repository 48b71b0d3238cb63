"""HTML pages, on top of the API."""

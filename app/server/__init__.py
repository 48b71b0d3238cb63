"""The HTTP server's defence against clients that hold connections: limits on their number, headers and pace."""

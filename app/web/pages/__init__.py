"""One module a page. No page imports another."""

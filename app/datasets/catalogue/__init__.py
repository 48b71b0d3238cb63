"""Public datasets that are had by name."""

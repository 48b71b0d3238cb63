"""Public datasets that can be downloaded by name."""

"""Executors: where a worker's runs are trained."""

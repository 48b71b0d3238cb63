"""Decoding of pictures, in separate processes that may crash."""

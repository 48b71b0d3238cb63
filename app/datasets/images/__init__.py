"""Pictures: from bytes to pixels in processes that may crash, and back to be looked at."""

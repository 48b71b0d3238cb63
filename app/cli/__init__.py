"""The command line."""

import gc

# Imports create no garbage. A collection per 700 new objects would take a tenth of a command's time.
gc.set_threshold(50_000)

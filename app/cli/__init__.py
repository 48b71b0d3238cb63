"""The command line."""

import gc

# Imports leave no garbage behind: a collection per 700 new objects would take a tenth of a command's time.
gc.set_threshold(50_000)

"""Constants that several layers share."""

BUSY_TIMEOUT_SECONDS = 10  # how long a writer waits for SQLite; a lease is at least three times as long
RESERVED_TAGS = "antigrad."  # the prefix of tags that only the service sets
EXPERIMENT_TAG = f"{RESERVED_TAGS}experiment"  # a run with this tag is a trial of the experiment with this id
RUN_PREFIX = "run_"  # of a run's id
SETTINGS_PREFIX = "ANTIGRAD_"  # of the environment variables that are settings

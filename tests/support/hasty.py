"""`antigrad` that delays no answer to a wrong key, for tests that send many."""

from app.api import wrong_keys
from app.cli.main import main

wrong_keys.MOST_SECONDS = 0.0

if __name__ == "__main__":
    main()

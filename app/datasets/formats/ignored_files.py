"""Hidden files, and files that operating systems and storage devices leave in folders: no user means to upload them."""

import re

# A part of the path that starts with a dot is hidden, but `.` and `..` are not names.
HIDDEN = r"\.(?!\.?(/|$))"
SYSTEM_FOLDERS = (
    r"(__MACOSX|__pycache__|@eaDir|@tmp|#recycle|#snapshot|\$RECYCLE\.BIN|RECYCLER|System Volume Information|"
    r"lost\+found)/"
)
SYSTEM_FILES = r"(Thumbs\.db|ehthumbs\.db|desktop\.ini|Icon\r|~\$[^/]*)$"
JUNK = re.compile(rf"(^|/)({HIDDEN}|{SYSTEM_FOLDERS}|{SYSTEM_FILES})", re.IGNORECASE)

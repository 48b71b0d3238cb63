"""Hidden files, and files that operating systems and storage devices leave in folders: no user means to upload them."""

import re

# A part of the path that starts with a dot is hidden, but `.` and `..` are not names.
HIDDEN = r"\.(?!\.?(/|$))"
# Storage devices begin the names of their folders with a sign, as in @eaDir, ~snapshot and $RECYCLE.BIN. A sign alone,
# or with numbers, may be a class.
MARKED_FOLDERS = r"[@~$]+_*[A-Za-z][^/]*|#(recycle|snapshot)[^/]*"
NAMED_FOLDERS = (
    r"__MACOSX|__pycache__|RECYCLER|System Volume Information|FOUND\.\d{3}|LOST\.DIR|lost\+found|"
    r"Network Trash Folder|Temporary Items|TheVolumeSettingsFolder|TheFindByContentFolder"
)
SYSTEM_FILES = r"(Thumbs\.db|ehthumbs\.db|desktop\.ini|Icon\r|~\$[^/]*)$"
JUNK = re.compile(rf"(^|/)({HIDDEN}|({MARKED_FOLDERS}|{NAMED_FOLDERS})/|{SYSTEM_FILES})", re.IGNORECASE)

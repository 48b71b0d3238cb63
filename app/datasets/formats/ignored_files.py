"""Files that operating systems leave in folders, and that no user means to upload."""

import re

JUNK = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$)")

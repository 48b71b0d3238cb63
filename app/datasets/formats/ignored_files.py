"""What systems leave in folders, and nobody means to send."""

import re

JUNK = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$)")

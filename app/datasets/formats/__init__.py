"""The forms in which people's data lies on their disks: each read from bytes that are hostile until checked."""

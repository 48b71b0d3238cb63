"""A service that dies in the middle of an upload starts again without the file.

What stays available: the disk. Otherwise each such upload would keep up to a gigabyte, which nothing names.
"""

import http.client
import time
from pathlib import Path

from app.settings import Settings
from app.storage.files.tree import files_below
from tests.support.commands import CLI, until_ready
from tests.support.fork_server import fork_server
from tests.support.processes import free_port
from tests.support.services import client_of

PIECE = bytes(1024)


def uploads(home: Path) -> list[Path]:
    return [path for path in files_below(home / "files/datasets") if "/ds_" in str(path)]


def test_an_upload_that_a_kill_cuts_off_leaves_no_file_after_a_restart(tmp_path: Path) -> None:
    port = free_port()
    serve = "serve", "--workers", "0", "--port", str(port)
    service = fork_server().start(CLI, *serve, ANTIGRAD_HOME=str(tmp_path))
    until_ready(service, f"http://127.0.0.1:{port}")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("POST", "/datasets?name=letters")
    connection.putheader("Content-Length", str(2 * len(PIECE)))
    connection.endheaders(PIECE)
    while not uploads(tmp_path):
        time.sleep(0.01)
    service.kill()
    service.wait()
    connection.close()
    assert len(uploads(tmp_path)) == 1
    with client_of(Settings(home=tmp_path, _env_file=None)) as client:
        assert uploads(tmp_path) == []
        assert client.get("/datasets/letters").status_code == 404

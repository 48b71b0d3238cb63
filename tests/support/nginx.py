"""A real nginx on a free port, in front of services under test."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

CONFIG = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


@contextmanager
def serving_nginx(folder: Path, site: str, url: str) -> Iterator[httpx.Client]:
    """A client of the service behind nginx. `site` has its servers, of which one offers the service at `url`."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed; `apt-get install nginx-light` does it")
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, site=site))
    process = subprocess.Popen([nginx, "-e", folder / "error.log", "-c", folder / "nginx.conf"])
    try:
        with httpx.Client(base_url=url, timeout=120) as client:
            _until_open(client)
            yield client
    finally:
        process.terminate()
        process.wait(20)


def _until_open(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            assert client.get("/healthz").status_code == 200
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)

"""The documentation pages work in a real browser, and load nothing from any host but ours."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn

from app.main import create_app
from app.settings import Settings
from app.web.files import FOLDER
from tests.serving import SECRET, client_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the path, which is not here")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    # The browser's own errands, and whatever a page would fetch from elsewhere, find no host.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--virtual-time-budget=30000",
    "--enable-logging=stderr",
    "--dump-dom",
)
ITS_OWN = (None, "not an origin")  # initiators of what the browser does by itself, and of the page's own load


class Visit:
    """One page as a browser saw it: the document it ended as, and where its content asked for what."""

    def __init__(self, url: str, folder: Path) -> None:
        log = folder / "net.json"
        assert CHROMIUM is not None
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        self.document = done.stdout
        self.console = [line for line in done.stderr.splitlines() if ":CONSOLE:" in line]
        events = json.loads(log.read_text())["events"]
        asked = [event["params"] for event in events if "initiator" in event.get("params", {})]
        self.hosts = {urlsplit(params["url"]).netloc for params in asked if params["initiator"] not in ITS_OWN}


@contextmanager
def served(url: str) -> Iterator[str]:
    """Address of the application, served as in earnest."""
    app = create_app(Settings(), database_url=url, secret=SECRET)
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    sock = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@in_browser
@pytest.mark.parametrize("page", ["docs", "redoc"])
def test_a_page_shows_every_operation_and_asks_no_other_host(page: str, database_url: str, tmp_path: Path) -> None:
    with served(database_url) as host:
        visit = Visit(f"http://{host}/{page}", tmp_path)
    for path in ("/v1/statistics", "/v1/statistics/weekly", "/v1/cases", "/v1/courts", "/v1/revisions"):
        assert path in visit.document, visit.console
    assert "Any question" in visit.document
    assert visit.hosts == {host}
    assert not [line for line in visit.console if "Content Security Policy" in line and "script" in line]


@in_browser
def test_a_request_to_another_host_would_have_been_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<img src="http://elsewhere.test/logo.png">')
    assert Visit(page.as_uri(), tmp_path).hosts == {"elsewhere.test"}


async def test_pages_allow_no_inline_script_and_no_other_host(database_url: str) -> None:
    async with client_of(database_url) as client:
        for path in ("/docs", "/redoc", "/problems/bad-cursor"):
            answer = await client.get(path)
            assert answer.status_code == 200
            policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
            assert policy["default-src"] == policy["script-src"] == "'self'"
            assert not any("http" in sources or "*" in sources for sources in policy.values())
            assert "<script>" not in answer.text
            assert "://" not in answer.text


async def test_a_pages_files_are_sent_plain_or_gzipped_with_a_tag_for_each(database_url: str) -> None:
    async with client_of(database_url) as client:
        address = "/docs/assets/swagger-ui.css"
        plain = await client.get(address)
        packed = await client.get(address, headers={"Accept-Encoding": "gzip"})
        assert plain.content == packed.content == (FOLDER / "swagger-ui.css").read_bytes()
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 4
        assert plain.headers["etag"] != packed.headers["etag"]
        held = await client.get(address, headers={"If-None-Match": plain.headers["etag"]})
        assert (held.status_code, held.content) == (304, b"")
        missing = await client.get("/docs/assets/README.md")
        assert missing.status_code == 404


def test_the_readme_names_every_file_taken_from_elsewhere_with_its_sum() -> None:
    readme = (FOLDER / "README.md").read_text()
    ours = ("docs.js", "redoc.js", "pages.css")
    taken = [path for path in FOLDER.iterdir() if path.suffix in (".js", ".css", ".png") and path.name not in ours]
    assert len(taken) == 4
    for path in taken:
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{path.name}`"))
        assert sha256(path.read_bytes()).hexdigest() in row

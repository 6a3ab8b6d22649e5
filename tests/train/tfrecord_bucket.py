"""A bucket on this machine, which TensorFlow reads as ``gs://any/name`` through a proxy: for tests and benchmarks.

It answers what TensorFlow asks Cloud Storage for, by HTTPS with a certificate of its own, with the files of a folder.
"""

import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlparse

AVAILABLE = shutil.which("openssl") is not None
HOSTS = "DNS:www.googleapis.com,DNS:storage.googleapis.com"


@contextmanager
def bucket(folder: Path, secrets: Path, *, delay: float = 0.0, bandwidth: float = 0.0) -> Iterator[dict[str, str]]:
    """Serve a folder; yields the environment under which TensorFlow finds it.

    Args:
        folder: the files.
        secrets: an empty folder, for the certificate.
        delay: seconds before each answer.
        bandwidth: bytes in a second through each connection; 0 for as many as there can be.
    """
    key, certificate = secrets / "key.pem", secrets / "certificate.pem"
    made = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=bucket -addext subjectAltName={HOSTS}"
    subprocess.run([*made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.connection = tls.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb", -1), self.connection.makefile("wb", 0)
            self.close_connection = False

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def do_GET(self) -> None:
            time.sleep(delay)
            asked = urlparse(self.path)
            kind, *names = unquote(asked.path).removeprefix("/storage/v1/b/").strip("/").split("/", 2)
            if not asked.path.startswith("/storage/v1/b/"):  # the content: /bucket/name
                self.content(folder / "/".join(names))
            elif not names:
                self.told({"name": kind})
            elif len(names) == 1:
                prefix = parse_qs(asked.query).get("prefix", [""])[0]
                found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
                self.told({"items": [{"name": name} for name in found if name.startswith(prefix)]})
            elif (folder / names[1]).is_file():
                size = str((folder / names[1]).stat().st_size)
                self.told({"size": size, "generation": "1", "updated": "2020-01-01T00:00:00.000Z"})
            else:
                self.told({}, 404)

        def content(self, path: Path) -> None:
            first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
            data = path.read_bytes()[first : last + 1]
            time.sleep(len(data) / bandwidth if bandwidth else 0)
            self.body(data, 206 if data else 416)

        def told(self, what: object, status: int = 200) -> None:
            self.body(json.dumps(what).encode(), status)

        def body(self, data: bytes, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield {
                "https_proxy": f"http://127.0.0.1:{server.server_port}",
                "CURL_CA_BUNDLE": str(certificate),
                "GOOGLE_AUTH_TOKEN_FOR_TESTING": "nobody",
                "NO_GCE_CHECK": "true",
            }
        finally:
            server.shutdown()

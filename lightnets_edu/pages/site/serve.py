"""Serve the built book on this machine only: ``python -m lightnets_edu.pages.site.serve`` (or ``make serve``)."""

from __future__ import annotations

import sys
import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 8000


def make_server(folder: Path, port: int = PORT) -> ThreadingHTTPServer:
    """A server of one folder on the loopback address, at ``port`` or, if that is taken, at any free one."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        return ThreadingHTTPServer(("127.0.0.1", 0), handler)


def main() -> int:
    """Serve until interrupted."""
    folder = Path.cwd() / "_build" / "html"
    if not (folder / "index.html").exists():
        print(f"There is no book in {folder}: build it first (make book).", file=sys.stderr)
        return 1
    server = make_server(folder)
    address = f"http://localhost:{server.server_port}/"
    print(f"The book is at {address} (Ctrl+C stops)", flush=True)
    webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())

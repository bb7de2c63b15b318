"""What the Python backends of the examples have in common: an HTTP server with pages and answers in
JSON, and calls of the server API. Nothing but the standard library."""

import json
import pathlib
import signal
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# A request's body, in bytes: some fields of a form, or what a node asks.
BODY_BYTES = 64 * 1024

# How long a connection may be silent, in seconds, and how many there may be at once: each has a thread.
SILENCE_S = 60
CONNECTIONS = 200

# How long the server API may take for an answer, in seconds.
PATIENCE_S = 8

# Pages of all examples.
SHARED = pathlib.Path(__file__).parent / "pages"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
}

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws://127.0.0.1:* ws://localhost:*; frame-ancestors 'self'",
}


class Refused(Exception):
    """A request is answered with this status and these words."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status = status


class Node:
    """The server API of a node, at `base` (`http://host:port`)."""

    def __init__(self, base, key):
        self.base = base
        self.key = key

    def call(self, method, params):
        """The result of a method. `Refused` if there is none: 502 with the words of the node."""
        request = urllib.request.Request(
            f"{self.base}/api/{method}",
            json.dumps(params).encode(),
            {"Content-Type": "application/json", "X-API-Key": self.key},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                answer = json.load(response)
        except (OSError, ValueError) as error:
            raise Refused(HTTPStatus.BAD_GATEWAY, f"the node does not answer: {error}") from error
        if "error" in answer:
            raise Refused(HTTPStatus.BAD_GATEWAY, answer["error"]["message"])
        return answer.get("result", {})


class Request:
    """What a handler of a path is given."""

    def __init__(self, headers, query, body):
        self.headers = headers
        self.query = dict(urllib.parse.parse_qsl(query))
        self._body = body

    def cookie(self, name):
        """The value of a cookie, or an empty text."""
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(name)
        except CookieError:
            return ""
        return found.value if found else ""

    def json(self):
        """The body, an object in JSON."""
        try:
            body = json.loads(self._body)
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
        if not isinstance(body, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is no object")
        return body


class Answer:
    """An answer that is more than JSON."""

    def __init__(self, body=b"", kind="text/plain", status=HTTPStatus.OK, headers=()):
        self.body = body
        self.kind = kind
        self.status = status
        self.headers = headers


def text(body, name, longest):
    """A member of an object that is a text, not empty and not longer than that."""
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= longest:
        raise Refused(HTTPStatus.BAD_REQUEST, f"`{name}` is a text of 1 to {longest} characters")
    return value.strip()


def page(folder, name):
    """A file of a page, from its own folder or from what all examples share."""
    kind = TYPES.get(pathlib.PurePath(name).suffix)
    if kind and not pathlib.PurePath(name).name.startswith(".") and "/" not in name:
        for place in (folder, SHARED):
            if (place / name).is_file():
                return Answer((place / name).read_bytes(), kind)
    raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SILENCE_S
    routes: dict = {}
    folder = SHARED

    def do_GET(self):
        self._answer("GET", b"")

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BODY_BYTES:
            self.close_connection = True
            self._send(Answer(b"", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
            return
        self._answer("POST", self.rfile.read(int(length)))

    def _answer(self, method, body):
        url = urllib.parse.urlsplit(self.path)
        try:
            self._check_origin(method)
            handler = self.routes.get((method, url.path))
            if handler:
                answer = handler(Request(self.headers, url.query, body))
            elif method == "GET":
                answer = page(self.folder, url.path[1:] or "index.html")
            else:
                raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        except Refused as refused:
            answer = Answer(f"{refused}\n".encode(), status=refused.status)
        if not isinstance(answer, Answer):
            answer = Answer(json.dumps(answer).encode(), "application/json")
        self._send(answer)

    def _check_origin(self, method):
        """Pages from elsewhere may not act for whoever is logged in here."""
        origin = self.headers.get("Origin")
        if method == "POST" and origin and origin != f"http://{self.headers.get('Host')}":
            raise Refused(HTTPStatus.FORBIDDEN, "this is no page of ours")

    def _send(self, answer):
        self.send_response(answer.status)
        for name, value in (*HEADERS.items(), *answer.headers):
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_request(self, *_):
        """What goes well is not worth a line."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._places = threading.BoundedSemaphore(CONNECTIONS)

    def process_request(self, request, client_address):
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # a browser that went away is no error
            super().handle_error(request, client_address)


def serve(port, folder, routes):
    """Answers `routes`, functions of a `Request` by `(method, path)`, and files of `folder`, until SIGTERM."""
    handler = type("Handler", (_Handler,), {"routes": routes, "folder": folder})
    try:
        server = _Server(("127.0.0.1", port), handler)
    except OSError as error:
        sys.exit(f"the page cannot be served: {error}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.serve_forever()

"""What nobody should get in with: tokens and upgrade requests, and what they are answered.

Everything is put together by hand, from the standard library alone, the way no honest client would.
"""

import base64
import hashlib
import hmac
import json
import os
import socket
import struct
import time

from node import DEADLINE_SECONDS

SECRET = "a-token-secret-for-tests-only-0123456789"
# A public key whose other half nobody has kept.
PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGqjcRKqZ0pOjONZzts1VY7lIOn9q
kXIBnpSGmwNItyDVF/4G5asHKcUd3iQ1gcLLb3UKu0SorcVNNvw5LWUVtA==
-----END PUBLIC KEY-----
"""
ISSUER = "https://id.example.com"
ORIGIN = "https://app.example.com"

INVALID = "close 3500"
EXPIRED = "error 109"
LATER = "error 100"
UNAUTHORIZED = "close 3501"


def b64(data):
    """Base64 as tokens have it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header, claims, secret=SECRET, digest="sha256"):
    """A token with a correct signature, whatever it says; texts and bytes stand as they are."""

    def raw(value):
        if isinstance(value, bytes):
            return value
        return (value if isinstance(value, str) else json.dumps(value)).encode()

    body = f"{b64(raw(header))}.{b64(raw(claims))}"
    key = secret if isinstance(secret, bytes) else secret.encode()
    return f"{body}.{b64(hmac.new(key, body.encode(), digest).digest())}"


def good(**more):
    """Claims that would do."""
    return {"sub": "42", "aud": "trunkline", "iss": "shop", "exp": int(time.time()) + 600, **more}


def without(name):
    claims = good()
    del claims[name]
    return claims


HS256 = {"alg": "HS256", "typ": "JWT"}


def tokens():
    """What each token is, the token, and what it is answered."""
    honest = signed(HS256, good())
    header, claims, signature = honest.split(".")
    now = int(time.time())
    cases = []

    def case(name, token, answer=INVALID):
        cases.append((name, token, answer))

    for name in ["none", "None", "NONE", "nOnE", "none ", ""]:
        case(f"alg {name!r}, no signature", f"{b64(json.dumps({'alg': name}).encode())}.{claims}.")
        case(f"alg {name!r}, signed", signed({"alg": name}, good()))
    for name in ["RS256", "PS512", "ES256", "ES512", "EdDSA", "hs256", "HS1", "HS384", "A128KW", "dir"]:
        case(f"alg {name}, signed with the secret for HS256", signed({"alg": name}, good()))
    case("alg missing", signed({"typ": "JWT"}, good()))
    case("alg a number", signed({"alg": 256}, good()))
    case("alg null", signed({"alg": None}, good()))
    case("alg a list", signed({"alg": ["HS256"]}, good()))
    case("alg twice", signed('{"alg":"HS256","alg":"none"}', good()))
    for form in [PUBLIC_KEY, PUBLIC_KEY.strip(), "".join(PUBLIC_KEY.splitlines()[1:-1])]:
        case("the public key as HMAC secret", signed(HS256, good(), form))
        case("the same under the key's algorithm", signed({"alg": "ES256"}, good(), form))
    case("the public key's DER as HMAC secret", signed(HS256, good(), base64.b64decode("".join(PUBLIC_KEY.splitlines()[1:-1]))))
    case("a curve's signature of zeros", ".".join([b64(b'{"alg":"ES256"}'), claims, b64(bytes(64))]))
    case("another secret", signed(HS256, good(), "another-token-secret-of-many-bytes-0"))
    case("the empty secret", signed(HS256, good(), ""))
    case("a key brought along (jwk)", signed({**HS256, "jwk": {"kty": "oct", "k": "bWluZQ"}}, good(), "mine"))
    case("a key fetched from elsewhere (jku)", signed({**HS256, "jku": "https://evil.example/jwks"}, good(), "mine"))
    case("a certificate brought along (x5c)", signed({**HS256, "x5c": ["MIIB"]}, good(), "mine"))
    case("a key id that is a path", signed({**HS256, "kid": "../../dev/null"}, good(), ""))
    case("a key id that is SQL", signed({**HS256, "kid": "' OR 1=1 --"}, good(), "mine"))
    case("a key id of no text", signed({**HS256, "kid": 7}, good()))
    case("an issuer with keys, signed with the secret, no key id", signed(HS256, good(iss=ISSUER)))
    case("an issuer with keys that cannot be reached", signed({**HS256, "kid": "1"}, good(iss=ISSUER)), LATER)
    case("crit that is not understood", signed({**HS256, "crit": ["exp"]}, good()))
    case("crit b64", signed({**HS256, "crit": ["b64"], "b64": False}, good()))
    case("crit empty", signed({**HS256, "crit": []}, good()))
    case("a header of 5000 bytes", signed({**HS256, "pad": "x" * 5000}, good()))
    case("expired a second ago", signed(HS256, good(exp=now - 1)), EXPIRED)
    case("expired at 0", signed(HS256, good(exp=0)), EXPIRED)
    case("expired before the epoch", signed(HS256, good(exp=-1)), EXPIRED)
    case("expired, and forged", signed(HS256, good(exp=1), "another"))
    case("expiry as text", signed(HS256, good(exp=str(now + 60))))
    case("expiry that is no number", signed(HS256, '{"sub":"42","aud":"trunkline","iss":"shop","exp":1e999}'))
    case("in force tomorrow", signed(HS256, good(nbf=now + 86400)))
    case("issued tomorrow", signed(HS256, good(iat=now + 86400)))
    case("issued in words", signed(HS256, good(iat="today")))
    case("no audience", signed(HS256, without("aud")))
    case("another audience", signed(HS256, good(aud="web")))
    case("audiences, none of them ours", signed(HS256, good(aud=["web", "TRUNKLINE"])))
    case("an audience within another", signed(HS256, good(aud={"trunkline": True})))
    case("no issuer", signed(HS256, without("iss")))
    case("another issuer", signed(HS256, good(iss="shop.example")))
    case("several issuers", signed(HS256, good(iss=["shop"])))
    case("a user that is a number", signed(HS256, good(sub=42)))
    case("a user of 256 bytes", signed(HS256, good(sub="u" * 256)))
    case("two users", signed(HS256, '{"sub":"42","sub":"1","aud":"trunkline","iss":"shop"}'))
    case("a token id of 256 bytes", signed(HS256, good(jti="j" * 256)))
    case("a subscription token", signed(HS256, good(channel="chat:1")))
    case("a channel with a blank", signed(HS256, good(channels=["a b"])))
    case("a pattern for a channel", signed(HS256, good(channels=["*"])))
    case("claims that are a list", signed(HS256, "[]"))
    case("claims that are a text", signed(HS256, '"42"'))
    case("claims that are a token", signed({**HS256, "cty": "JWT"}, honest))
    case("claims that are not UTF-8", signed(HS256, b'{"sub":"\xff\xfe","aud":"trunkline","iss":"shop"}'))
    case("claims with more behind", signed(HS256, json.dumps(good()) + "{}"))
    case("claims nested 10,000 deep", signed(HS256, "[" * 10_000 + "]" * 10_000))
    case("claims nested within one", signed(HS256, '{"sub":"42","x":' + "[" * 10_000))
    case("40,000 bytes of claims, forged", signed(HS256, good(pad="x" * 30_000), "another"))
    case("no claims", f"{header}..{signature}")
    case("no signature", f"{header}.{claims}.")
    case("half a signature", f"{header}.{claims}.{signature[:20]}")
    case("the signature of another", f"{header}.{b64(json.dumps(good(sub='1')).encode())}.{signature}")
    case("other claims added to the old signature", f"{header}.{claims}A.{signature}")
    case("padded base64", f"{header}.{claims}.{signature}=")
    case("base64 of the other alphabet", ".".join([header, claims, "+/" + signature[2:]]))
    case("bits that mean nothing at the end", f"{header}.{claims}.{signature[:-1]}{chr(ord(signature[-1]) ^ 1)}")
    case("two parts", f"{header}.{claims}")
    case("four parts", f"{honest}.{signature}")
    case("five parts, as encrypted tokens have", f"{header}.a.b.c.d")
    case("a thousand dots", "." * 1000)
    case("a blank in front", " " + honest)
    case("a line break behind", honest + "\n")
    case("a NUL inside", honest[:50] + "\0" + honest[50:])
    case("`Bearer` in front", "Bearer " + honest)
    case("words", "let me in")
    case("the token in the wrong field", None, UNAUTHORIZED)
    return cases


def head(path="/connection/websocket", host="localhost", add=(), drop=(), change=None, line=None):
    """An upgrade request that would do, but for what is changed."""
    fields = {
        "Host": host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
    }
    fields.update(change or {})
    lines = [line or f"GET {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if name not in drop]
    return ("\r\n".join([*lines, *add]) + "\r\n\r\n").encode("latin-1")


def requests():
    """What each request is, the bytes, and the statuses it may be answered with. 0: it is closed."""
    cookie = "Cookie: session=42"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    return [
        ("a page elsewhere, with the cookie", head(add=["Origin: https://evil.example", cookie]), {403}),
        ("the same in another scheme", head(add=["Origin: http://app.example.com", cookie]), {403}),
        ("the same at another port", head(add=["Origin: https://app.example.com:8443", cookie]), {403}),
        ("a page below ours", head(add=["Origin: https://x.app.example.com", cookie]), {403}),
        ("a page whose name begins like ours", head(add=["Origin: https://app.example.com.evil.example"]), {403}),
        ("a page whose name ends like ours", head(add=["Origin: https://evilapp.example.com"]), {403}),
        ("our page as somebody's name", head(add=["Origin: https://app.example.com@evil.example"]), {403}),
        ("a page of no origin", head(add=["Origin: null", cookie]), {403}),
        ("an empty origin", head(add=["Origin: ", cookie]), {403, 400}),
        ("two origins", head(add=[f"Origin: {ORIGIN}", "Origin: https://evil.example"]), {400, 403}),
        ("two origins in one", head(add=[f"Origin: {ORIGIN}, https://evil.example"]), {400, 403}),
        ("an origin of 20,000 bytes", head(add=["Origin: https://" + "a" * 20_000]), {431, 400, 0}),
        ("no key", head(drop=["Sec-WebSocket-Key"]), {400}),
        ("two keys", head(add=[key]), {400}),
        ("a short key", head(change={"Sec-WebSocket-Key": "AAAA"}), {400}),
        ("a long key", head(change={"Sec-WebSocket-Key": "A" * 64}), {400}),
        ("a key that is no base64", head(change={"Sec-WebSocket-Key": "%" * 24}), {400}),
        ("no version", head(drop=["Sec-WebSocket-Version"]), {400, 426}),
        ("version 8", head(change={"Sec-WebSocket-Version": "8"}), {426, 400}),
        ("version 14", head(change={"Sec-WebSocket-Version": "14"}), {426, 400}),
        ("two versions", head(add=["Sec-WebSocket-Version: 8"]), {426, 400}),
        ("no host", head(drop=["Host"]), {400}),
        ("two hosts", head(add=["Host: evil.example"]), {400}),
        ("HTTP/1.0", head(line="GET /connection/websocket HTTP/1.0"), {400, 426, 505, 0}),
        ("HTTP/2.0", head(line="GET /connection/websocket HTTP/2.0"), {400, 505, 0}),
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505, 0}),
        ("no protocol", head(line="GET /connection/websocket"), {400, 0}),
        ("a body announced", head(add=["Content-Length: 5"]) + b"hello", {400}),
        ("a body in chunks", head(add=["Transfer-Encoding: chunked"]) + b"0\r\n\r\n", {400}),
        ("both, to smuggle", head(add=["Content-Length: 4", "Transfer-Encoding: chunked"]) + b"0\r\n\r\n", {400}),
        ("two lengths", head(add=["Content-Length: 0", "Content-Length: 5"]), {400}),
        ("a length below zero", head(add=["Content-Length: -1"]), {400}),
        ("a bare line feed within a field", head(add=["X: a\nX-API-Key: b\x0bc"]), {400, 0}),
        ("a NUL within a field", head(add=["X: a\0b"]), {400, 0}),
        ("a blank before the colon", head(add=["Origin : https://evil.example"]), {400, 0}),
        ("a folded field", head(add=["X: a\r\n b"]), {400, 0}),
        ("a field without a name", head(add=[": a"]), {400, 0}),
        ("2,000 fields", head(add=[f"X-{n}: 1" for n in range(2000)]), {400, 431, 0}),
        ("a path of 40,000 bytes", head(path="/" + "a" * 40_000), {400, 414, 431, 0}),
        ("TLS where there is none", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), {400, 0}),
        ("rubbish", bytes(range(128, 256)) * 8, {400, 0}),
        ("a line break and nothing else", b"\r\n\r\n\r\n\r\nx\r\n\r\n", {400, 0}),
        ("rooms, which are off", head(path="/api/v1/ws/r/1"), {404, 403}),
        ("one way, without a token", head(path="/ws?channels=chat:1"), {"3501"}),
        ("one way, with a forged token", head(path=f"/ws?channels=chat:1&token={signed(HS256, good(), 'x')}"), {"3500"}),
        ("a good token in the wrong place", head(add=["Authorization: Bearer " + signed(HS256, good())]), {"silent"}),
    ]


class Peer:
    """A TCP connection to the node that says what it likes."""

    def __init__(self, node):
        host, port = node.listen.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS)
        self._read = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, data):
        """Says it; that the node has gone already is for the answer to tell."""
        try:
            self._socket.sendall(data)
        except OSError:
            pass

    def frame(self, payload):
        """Says a text in a WebSocket frame."""
        data = payload.encode() if isinstance(payload, str) else payload
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0xFE, size)
        if size > 65_535:
            length = struct.pack("!BQ", 0xFF, size)
        self.send(b"\x81" + length + bytes(4) + data)

    def _more(self):
        try:
            data = self._socket.recv(65_536)
        except (ConnectionError, TimeoutError):
            return False
        self._read += data
        return bool(data)

    def status(self):
        """The status of the answer; 0 if there is none."""
        while b"\r\n\r\n" not in self._read:
            if not self._more():
                return 0
        answer, self._read = self._read.split(b"\r\n\r\n", 1)
        return int(answer.split(b" ", 2)[1])

    def next(self):
        """The next frame: its kind and what it carries; `None` at the end."""
        while True:
            size, start = (self._read[1] & 0x7F, 2) if len(self._read) > 1 else (0, None)
            if start and size == 126 and len(self._read) >= 4:
                size, start = struct.unpack("!H", self._read[2:4])[0], 4
            if start and len(self._read) >= start + size:
                kind, payload = self._read[0] & 0xF, self._read[start : start + size]
                self._read = self._read[start + size :]
                return kind, payload
            if not self._more():
                return None

    def verdict(self):
        """What becomes of the connection: an error, a close code, or the way in."""
        while frame := self.next():
            kind, payload = frame
            if kind == 8:
                return f"close {struct.unpack('!H', payload[:2])[0]}" if payload else "close"
            if kind in (1, 2):
                for line in payload.decode().splitlines():
                    said = json.loads(line)
                    if "error" in said:
                        return f"error {said['error']['code']}"
                    if "connect" in said:
                        return "in"
        return "gone"


def accepted(node, add=()):
    """A peer whose upgrade request was taken."""
    peer = Peer(node)
    peer.send(head(add=add))
    assert peer.status() == 101
    return peer


def shown(node, token):
    """What a client hears that connects with the token; with `None`, in a field nobody reads."""
    with accepted(node) as peer:
        command = {"token": token} if token is not None else {"jwt": signed(HS256, good())}
        peer.frame(json.dumps({"id": 1, "connect": command}))
        return peer.verdict()


def answered(node, request):
    """The status a request is answered with, or the code with which an upgraded one ends."""
    with Peer(node) as peer:
        peer.send(request)
        status = peer.status()
        return peer.verdict().removeprefix("close ") if status == 101 else status

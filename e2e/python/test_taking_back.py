"""Tokens that are taken back, and keys that change, on real nodes."""

import http.server
import json
import os
import subprocess
import threading
import time
import urllib.request

import hostile
from node import API_KEY, DEADLINE_SECONDS, Node
from redis_server import RedisServer

CONFIG = f"""
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
shutdown_spread = "200ms"
[token]
hmac_secret = "{hostile.SECRET}"
[api]
keys = ["{API_KEY}"]
[[namespaces]]
name = "chat"
allow_subscribe_for_client = true
"""

KEPT = """
[storage]
backend = "embedded"
data_dir = "data"
"""

SHARED = """
[storage]
backend = "redis"
[redis]
urls = ["{url}"]
"""


LONG = bool(os.environ.get("TRUNKLINE_LONG"))

# Between two requests for the keys of an issuer for the sake of a key that nobody knows, in seconds.
FETCHED_EVERY = 5


def api(node, method, body):
    """The result of a method of the server API."""
    request = urllib.request.Request(
        node.http(f"/api/{method}"),
        json.dumps(body).encode(),
        {"X-API-Key": API_KEY, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
        return json.load(answer)


def revoke(node, **what):
    """Takes something back."""
    assert api(node, "revoke", what) == {"result": {}}


def token(user, **claims):
    """A good token, issued a minute ago."""
    now = int(time.time())
    return hostile.signed(hostile.HS256, {"sub": user, "iat": now - 60, "exp": now + 600, **claims})


def connected(node, user, **claims):
    """A connection that was let in."""
    peer = hostile.accepted(node)
    command = {"id": 1, "connect": {"token": token(user, **claims)}}
    peer.frame(json.dumps(command))
    kind, payload = peer.next()
    assert kind == 1 and "connect" in json.loads(payload)
    return peer


def ending(peer):
    """What becomes of a connection."""
    with peer:
        return peer.verdict()


def ready(node):
    """Waits until the node is ready."""
    late = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://{node.admin}/ready", timeout=DEADLINE_SECONDS):
                return node
        except OSError:
            assert time.monotonic() < late
            time.sleep(0.02)


def test_what_is_taken_back_ends_at_once_and_outlives_a_crash():
    node = Node(CONFIG + KEPT)
    try:
        ann, phone = connected(node, "ann"), connected(node, "ann", jti="phone")
        revoke(node, token_id="phone")
        assert ending(phone) == "close 3500"
        revoke(node, user="ann")
        assert ending(ann) == "close 3500"
        for _ in range(2):
            assert hostile.shown(node, token("ann")) == "close 3500"
            assert hostile.shown(node, token("eve", jti="phone")) == "close 3500"
            later = token("ann", iat=int(time.time()) + 2)
            assert hostile.shown(node, later) == "in", "a token that was issued afterwards"
            assert hostile.shown(node, token("bob")) == "in"
            node.crash()
            node.again()
    finally:
        node.stop()


def test_everybody_can_be_sent_away_and_nobody_by_mistake():
    node = Node(CONFIG)
    try:
        peer = connected(node, "ann")
        for nonsense in [{}, {"user": ""}, {"user": "ann", "token_id": "t"}, {"user": "ann", "ttl": 0}]:
            answer = api(node, "revoke", nonsense)
            assert answer["error"]["code"] == 107, answer
        peer.frame(json.dumps({"id": 2, "subscribe": {"channel": "chat:1"}}))
        assert "subscribe" in json.loads(peer.next()[1])
        revoke(node, issued_before=int(time.time()) - 30)
        assert ending(peer) == "close 3500"
        assert hostile.shown(node, token("bob")) == "close 3500"
        assert hostile.shown(node, token("bob", iat=int(time.time()))) == "in"
        for channel in ["$$revocations", "$$x"]:
            with hostile.accepted(node) as other:
                other.frame(json.dumps({"id": 1, "connect": {"token": token("bob", iat=int(time.time()))}}))
                assert "connect" in json.loads(other.next()[1])
                other.frame(json.dumps({"id": 2, "subscribe": {"channel": channel}}))
                assert other.verdict() == "error 102"
    finally:
        node.stop()


def test_five_devices_on_three_nodes_are_gone_within_a_second():
    rounds = 300 if LONG else 20
    redis = RedisServer()
    nodes = []
    try:
        config = CONFIG + SHARED.format(url=redis.url)
        nodes = [ready(Node(config)) for _ in range(3)]
        took = []
        for n in range(rounds):
            devices = [connected(nodes[at % 3], f"ann{n}") for at in range(5)]
            began = time.monotonic()
            revoke(nodes[n % 3], user=f"ann{n}")
            assert [ending(device) for device in devices] == ["close 3500"] * 5
            took.append(time.monotonic() - began)
        took.sort()
        p50, p99 = took[rounds // 2], took[int(0.99 * rounds)]
        print(f"{rounds} times, p50 {p50:.3f} s, p99 {p99:.3f} s")
        assert p50 <= 1.0, took
        # A few may have to wait for other tests.
        assert p99 <= 1.0 or not LONG, took
        nodes.append(ready(Node(config)))
        late = time.monotonic() + DEADLINE_SECONDS
        while hostile.shown(nodes[3], token("ann0")) != "close 3500":
            assert time.monotonic() < late, "a node that came later has not heard of it"
        for node in nodes:
            node.end()
    finally:
        for node in nodes:
            node.close()
        redis.stop()


class KeySets(http.server.BaseHTTPRequestHandler):
    """An issuer's key sets, by path; it may be told to fail."""

    sets = {}
    asked = 0

    def do_GET(self):  # pylint: disable=invalid-name
        """Answers."""
        type(self).asked += 1
        body = json.dumps(self.sets.get(self.path, {})).encode()
        self.send_response(200 if self.path in self.sets else 500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


class Signer:
    """An RSA key of its own."""

    def __init__(self, folder, key_id):
        self._path, self._id = folder / f"{key_id}.pem", key_id
        subprocess.run(["openssl", "genrsa", "-out", self._path, "2048"], capture_output=True, check=True)

    def jwk(self):
        """The public half, as it stands in a key set."""
        shown = ["openssl", "rsa", "-in", self._path, "-noout", "-modulus"]
        line = subprocess.run(shown, capture_output=True, check=True, text=True).stdout
        modulus = bytes.fromhex(line.strip().split("=")[1])
        return {"kty": "RSA", "kid": self._id, "alg": "RS256", "n": hostile.b64(modulus), "e": "AQAB"}

    def token(self, issuer, key_id=None):
        """A good token."""
        header = {"alg": "RS256", "kid": key_id or self._id}
        claims = {"sub": "42", "iss": issuer, "exp": int(time.time()) + 600}
        body = ".".join(hostile.b64(json.dumps(part).encode()) for part in (header, claims))
        sign = ["openssl", "dgst", "-sha256", "-sign", self._path]
        made = subprocess.run(sign, input=body.encode(), capture_output=True, check=True).stdout
        return f"{body}.{hostile.b64(made)}"


def comes_in(node, shown, verdict="in"):
    """Shows a token until it is answered so, as a client does that is told to come back."""
    late = time.monotonic() + DEADLINE_SECONDS
    while (found := hostile.shown(node, shown)) != verdict:
        assert found == hostile.LATER, found
        assert time.monotonic() < late, "the key was never fetched"
        time.sleep(0.05)


def test_keys_are_fetched_and_change_and_are_each_their_issuers_own(tmp_path):
    issuer = http.server.ThreadingHTTPServer(("127.0.0.1", 0), KeySets)
    threading.Thread(target=issuer.serve_forever, daemon=True).start()
    a, b, next_a = Signer(tmp_path, "1"), Signer(tmp_path, "1b"), Signer(tmp_path, "2")
    b_key = {**b.jwk(), "kid": "1"}
    KeySets.sets = {"/a": {"keys": [a.jwk()]}, "/b": {"keys": [b_key]}}
    at = f"http://127.0.0.1:{issuer.server_port}"
    issuers = f'[token]\nissuers = ["urn:a {at}/a", "urn:b {at}/b"]'
    node = Node(CONFIG.replace("[token]", issuers))
    try:
        comes_in(node, a.token("urn:a"))
        comes_in(node, b.token("urn:b", "1"))
        assert hostile.shown(node, b.token("urn:a", "1")) == "close 3500", "another issuer's key"
        assert hostile.shown(node, a.token("urn:b")) == "close 3500"
        KeySets.sets = {"/b": {"keys": [b_key]}}
        assert hostile.shown(node, next_a.token("urn:a")) == hostile.LATER, "nobody answers yet"
        comes_in(node, a.token("urn:a"))
        KeySets.sets["/a"] = {"keys": [a.jwk(), next_a.jwk()]}
        comes_in(node, next_a.token("urn:a"))
        before, began = KeySets.asked, time.monotonic()
        for n in range(200):
            assert hostile.shown(node, a.token("urn:a", f"made up {n}")) != "in"
        assert KeySets.asked - before <= 2 + (time.monotonic() - began) / FETCHED_EVERY
    finally:
        node.stop()
        issuer.shutdown()
        issuer.server_close()

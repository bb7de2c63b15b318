"""Nobody gets in who should not, and nothing of them stays.

The table is in `hostile.py`. `HOSTILE_REFUSALS` says how many refusals the last test makes; 10,000 is
what the product promises something about.
"""

import os
import pathlib
import re
import time
import urllib.request

import pytest

import hostile
from node import API_KEY, DEADLINE_SECONDS, Node

REFUSALS = int(os.environ.get("HOSTILE_REFUSALS", "1500"))
# What the node may allocate once and keep, such as the room of its maps, it has by then.
WARM_UP = 3000 if REFUSALS >= 10_000 else 500

CONFIG = f"""
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
shutdown_spread = "200ms"
[client]
allowed_origins = ["{hostile.ORIGIN}"]
[token]
hmac_secret = "{hostile.SECRET}"
public_keys = ['''ES256 {hostile.PUBLIC_KEY}''']
issuers = ["{hostile.ISSUER} http://127.0.0.1:9/jwks"]
audience = "trunkline"
issuer = "shop"
[api]
keys = ["{API_KEY}"]
[[namespaces]]
name = "chat"
presence = true
allow_subscribe_for_client = true
"""


# What waits for a deadline is tried where it comes soon, and nothing else, which may be kept waiting.
HASTY_SECONDS = 2
HASTY = f"""{CONFIG}
[limits]
handshake = "{HASTY_SECONDS}s"
connect = "{HASTY_SECONDS}s"
"""


@pytest.fixture(name="guarded", scope="module")
def guarded_node():
    """A node that wants tokens, and has a secret, a public key and an issuer."""
    running = Node(CONFIG)
    yield running
    running.stop()


@pytest.fixture(name="hasty", scope="module")
def hasty_node():
    """The same, with short deadlines."""
    running = Node(HASTY)
    yield running
    running.stop()


def gauges(node):
    """How many connections, users, channels and subscriptions there are."""
    with urllib.request.urlopen(f"http://{node.admin}/metrics", timeout=DEADLINE_SECONDS) as page:
        lines = page.read().decode().splitlines()
    wanted = re.compile(r"^trunkline_(connections|users|channels|subscriptions)(\{.*\})? (\S+)$")
    found = [wanted.match(line) for line in lines]
    totals = {}
    for match in filter(None, found):
        totals[match[1]] = totals.get(match[1], 0) + float(match[3])
    assert set(totals) == {"connections", "users", "channels", "subscriptions"}
    return totals


def nothing_is_left(node):
    """Waits until nothing is counted any more."""
    late = time.monotonic() + DEADLINE_SECONDS
    while any(gauges(node).values()):
        assert time.monotonic() < late, gauges(node)
        time.sleep(0.02)


def rss_kib(node):
    status = pathlib.Path(f"/proc/{node.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1])


def test_the_table_is_long_enough_and_says_each_thing_once():
    assert len(hostile.tokens()) >= 60
    assert len(hostile.requests()) >= 40


def test_a_good_token_gets_in(guarded):
    assert hostile.shown(guarded, hostile.signed(hostile.HS256, hostile.good())) == "in"


def test_every_hostile_token_is_refused_as_documented(guarded):
    wrong = []
    for name, token, answer in hostile.tokens():
        found = hostile.shown(guarded, token)
        if found != answer:
            wrong.append(f"{name}: {found}, not {answer}")
    assert wrong == []
    nothing_is_left(guarded)


def test_every_hostile_request_is_refused(guarded):
    wrong = []
    for name, request, answers in hostile.requests():
        if answers == {"silent"}:
            # It is no token where nobody looks for one: the client has to introduce itself.
            continue
        found = hostile.answered(guarded, request)
        if found not in answers:
            wrong.append(f"{name}: {found}, not {answers}")
    assert wrong == []
    nothing_is_left(guarded)


def test_who_is_silent_or_slow_is_dropped_at_the_deadline(hasty):
    halves = {
        "nothing": b"",
        "half a request": b"GET /connection/websocket HTTP/1.1\r\nHost: a",
        "a request and no token": hostile.head(),
        "a token in a place nobody looks at": hostile.requests()[-1][1],
        "half a frame": hostile.head() + b"\x81\xfe",
    }
    began = time.monotonic()
    peers = {name: hostile.Peer(hasty) for name in halves}
    for name, peer in peers.items():
        peer.send(halves[name])
    for name, peer in peers.items():
        with peer:
            if peer.status() == 101:
                assert peer.verdict() in ("close 3502", "gone"), name
    took = time.monotonic() - began
    assert HASTY_SECONDS - 0.5 < took < HASTY_SECONDS + DEADLINE_SECONDS, took
    nothing_is_left(hasty)


def test_a_byte_at_a_time_buys_no_time(hasty):
    began = time.monotonic()
    with hostile.Peer(hasty) as peer:
        for byte in hostile.head(add=["X: " + "y" * 500]):
            peer.send(bytes([byte]))
            time.sleep(0.05)
            if time.monotonic() - began > HASTY_SECONDS + 1:
                break
        assert peer.status() in (0, 408)
    nothing_is_left(hasty)


def test_nothing_stays_of_those_who_were_refused(guarded):
    tokens = [(token, answer) for _, token, answer in hostile.tokens() if answer != hostile.LATER]
    requests = [case for case in hostile.requests() if case[2] != {"silent"}]

    def refuse(count):
        for n in range(count):
            if n % 4 == 3:
                _, request, answers = requests[n // 4 % len(requests)]
                assert hostile.answered(guarded, request) in answers
            else:
                token, answer = tokens[n % len(tokens)]
                assert hostile.shown(guarded, token) == answer

    refuse(WARM_UP)
    nothing_is_left(guarded)
    before = rss_kib(guarded)
    refuse(REFUSALS)
    nothing_is_left(guarded)
    after = rss_kib(guarded)
    assert after - before <= 1024, f"{before} KiB before {REFUSALS} refusals, {after} KiB after"

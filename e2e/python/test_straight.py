"""PyPI `redis`: publishing straight through Redis, with the example of docs/redis.md as it stands."""

import asyncio
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import pytest
import redis
from websockets.asyncio.client import connect

from node import API_KEY, BINARY, DEADLINE_SECONDS, ROOT, Node
from redis_server import RedisServer

CONFIG = """
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
shutdown_spread = "200ms"
[client]
anonymous = true
insecure = true
[api]
keys = ["{key}"]
[storage]
backend = "redis"
[redis]
urls = ["{url}"]
[[namespaces]]
name = "chat"
recovery = true
history_size = 1000
"""


@pytest.fixture(name="server")
def redis_server():
    """A Redis of a test's own."""
    server = RedisServer()
    yield server
    server.stop()


def example():
    """The code of docs/redis.md."""
    page = (ROOT / "docs" / "redis.md").read_text(encoding="utf-8")
    return re.search(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1]


def publish(server, *calls):
    """Runs the example in a process of its own, which publishes once; then publishes `calls`."""
    with tempfile.TemporaryDirectory(prefix="trunkline-e2e-") as folder:
        script = subprocess.run([BINARY, "redis-script"], capture_output=True, check=True).stdout
        pathlib.Path(folder, "publish.lua").write_bytes(script)
        more = f"for call in {calls!r}:\n    print(publish(*call).decode())\n"
        pathlib.Path(folder, "example.py").write_text(example() + more, encoding="utf-8")
        ran = subprocess.run(
            [sys.executable, "example.py"],
            cwd=folder,
            env={**os.environ, "REDIS_URL": server.url},
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    return [line.split(" ") for line in ran.stdout.splitlines()]


def started(server):
    """A node over the Redis, which is ready."""
    node = Node(CONFIG.format(key=API_KEY, url=server.url))
    late = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://{node.admin}/ready", timeout=DEADLINE_SECONDS):
                return node
        except urllib.error.HTTPError as error:
            assert time.monotonic() < late, error.read()
            time.sleep(0.02)


async def heard(socket, count):
    """The payloads of the next publications."""
    payloads = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(payloads) < count:
            frame = json.loads(await socket.recv())
            if "pub" in frame:
                payloads.append(frame["pub"]["data"])
    return payloads


async def test_the_example_publishes_while_no_node_runs_and_while_two_do(server):
    values = [{"n": n, "text": "ahoj, světe"} for n in range(250)]
    places = publish(server, *[("chat:1", value) for value in values])
    assert [int(offset) for _, _, offset, _ in places] == list(range(2, 252))
    nodes = [started(server), started(server)]
    try:
        _, epoch, _, _ = places[0]
        _, _, offset, tag = places[99]
        since = [f"{epoch}.0", f"{epoch}.{offset}~{tag}"]
        ways = [node.ws(f"/ws?channels=chat:1&since={at}") for node, at in zip(nodes, since)]
        async with connect(ways[0]) as from_the_start, connect(ways[1]) as from_the_middle:
            hello = {"text": "hello"}
            assert await heard(from_the_start, 251) == [hello, *values]
            assert await heard(from_the_middle, 150) == values[100:]
            await asyncio.to_thread(publish, server, ("chat:1", "live"), ("chat:1", "last"))
            for socket in (from_the_start, from_the_middle):
                assert await heard(socket, 3) == [hello, "live", "last"]
        for node in nodes:
            await asyncio.to_thread(node.end)
    finally:
        for node in nodes:
            node.close()


def test_an_idempotency_key_publishes_once(server):
    first, again, other = publish(
        server, ("chat:1", 1, "a"), ("chat:1", 2, "a"), ("chat:1", 3, "b")
    )
    assert (first[0], again, other[0]) == ("0", ["1", *first[1:]], "0")
    assert int(other[2]) == int(first[2]) + 1


def test_wrong_arguments_are_an_error_and_change_nothing(server):
    script = server.client.register_script((ROOT / "docs" / "publish.lua").read_text())
    with pytest.raises(redis.ResponseError, match="trunkline: the first key is not"):
        script(["a", "b", "c"], ["d", "1"])
    at = "trunkline:{00}:"
    with pytest.raises(redis.ResponseError, match="trunkline: the tag of this channel is 38"):
        script([f"{at}stream:chat:1", f"{at}top:chat:1", f"{at}server:"], [f"{at}line:chat:1", "1"])
    assert server.client.keys("*") == []

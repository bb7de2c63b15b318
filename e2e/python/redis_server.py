"""A Redis server for tests: on a free port, in a folder of its own, nothing kept on disk."""

import socket
import subprocess
import tempfile
import time

import redis

from node import DEADLINE_SECONDS


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return holder.getsockname()[1]


class RedisServer:
    """One `redis-server` process, and a client of it."""

    def __init__(self, *settings):
        self._folder = tempfile.TemporaryDirectory(prefix="trunkline-e2e-")
        port = free_port()
        self.url = f"redis://127.0.0.1:{port}/0"
        self.client = redis.Redis.from_url(self.url)
        own = ["--port", str(port), "--bind", "127.0.0.1", "--dir", self._folder.name, "--save", ""]
        self._process = subprocess.Popen(
            ["redis-server", *own, *settings],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self):
        late = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                return self.client.ping()
            except redis.ConnectionError:
                assert self._process.poll() is None, "redis-server has ended"
                assert time.monotonic() < late, "redis-server does not answer"
                time.sleep(0.02)

    def stop(self):
        """Ends the process, and removes the folder."""
        self.client.close()
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

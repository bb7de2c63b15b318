"""A node under test: started on free ports, stopped with SIGTERM, its log read to the end.

It may be killed and started again where it was.
"""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = os.environ.get("TRUNKLINE_BIN", str(TARGET / "release" / "trunkline"))
API_KEY = "an-api-key-for-tests-only-0123456789"
READY = re.compile(r"^ready listen=(\S+) admin=(\S+)$")
TROUBLE = re.compile(r"\bERROR\b|panicked at")

# How long anything may take that should happen at once on a loaded two-core machine.
DEADLINE_SECONDS = 15


class Node:
    """One `trunkline serve` process. `listen` and `admin` are the addresses of its listeners.

    It runs in a folder of its own, and with a configuration keeps its streams there.
    """

    def __init__(self, config=None):
        self._folder = tempfile.TemporaryDirectory(prefix="trunkline-e2e-")
        self._log = open(pathlib.Path(self._folder.name, "log"), "w+", encoding="utf-8")
        if config is None:
            admin = ["--admin-listen", "127.0.0.1:0"]
            self._arguments = [BINARY, "serve", "--dev", *admin, "--api-key", API_KEY]
        else:
            path = pathlib.Path(self._folder.name, "trunkline.toml")
            path.touch(mode=0o600)
            path.write_text(config, encoding="utf-8")
            self._arguments = [BINARY, "serve", "--config", str(path)]
        try:
            self._start("127.0.0.1:0")
        except AssertionError:
            self.close()
            raise

    def _start(self, listen):
        self._process = subprocess.Popen(
            [*self._arguments, "--listen", listen],
            cwd=self._folder.name,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.listen, self.admin = self._addresses()

    def again(self):
        """Starts a node that has ended again: in the same folder, at the same address."""
        self._start(self.listen)

    def _addresses(self):
        late = threading.Timer(DEADLINE_SECONDS, self._process.kill)
        late.start()
        try:
            for line in self._process.stdout:
                found = READY.match(line.strip())
                if found:
                    return found[1], found[2]
        finally:
            late.cancel()
        raise AssertionError(f"the node ended before it was ready:\n{self.log()}")

    @property
    def pid(self):
        """The id of the process."""
        return self._process.pid

    def log(self):
        """What the node wrote to stderr so far."""
        self._log.seek(0)
        return self._log.read()

    def ws(self, path):
        """A WebSocket address on this node."""
        return f"ws://{self.listen}{path}"

    def http(self, path):
        """An HTTP address on this node."""
        return f"http://{self.listen}{path}"

    def crash(self):
        """What a crash is to it: SIGKILL."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def end(self):
        """Ends the node and insists on a clean end: exit code 0, no error in the log."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=40)
        self._process.stdout.close()
        log = self.log()
        assert code == 0, f"exit code {code} after SIGTERM:\n{log}"
        assert [line for line in log.splitlines() if TROUBLE.search(line)] == []

    def stop(self):
        """Ends it as `end` does, for good."""
        try:
            self.end()
        finally:
            self.close()

    def close(self):
        """Ends the process by force, and removes the folder."""
        self.crash()
        self._log.close()
        self._folder.cleanup()

"""Starts a program the way systemd does for a listening socket: descriptor 3, already bound."""

import os
import socket
import sys

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
listener.listen(128)
if listener.fileno() == 3:
    listener.set_inheritable(True)
else:
    os.dup2(listener.fileno(), 3)
os.environ["LISTEN_FDS"] = "1"
os.environ["LISTEN_PID"] = str(os.getpid())
print("activated {}:{}".format(*listener.getsockname()), file=sys.stderr, flush=True)
os.execv(sys.argv[1], sys.argv[1:])

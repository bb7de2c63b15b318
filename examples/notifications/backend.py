"""The application behind the notifications: who is logged in, and what is sent to whom.

PAGE_PORT, NODE_URL, NODE_KEY: set by ./run
"""

import os
import pathlib
import re
import secrets
import sys
import threading
import uuid

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from application import Answer, Node, Refused, page, serve, text  # noqa: E402

NODE = Node(os.environ["NODE_URL"], os.environ["NODE_KEY"])

COOKIE = "notifications_session"

# Sessions that are remembered; the oldest is forgotten for a new one.
SESSIONS = 10_000

# A name, which is the user's id: fit for everybody's eyes and for a URL.
NAME = re.compile(r"[\w.-]{1,40}", re.ASCII)

# Characters of a message.
MESSAGE = 500

# The code with which connections end when somebody logs out. They come back, those that may.
LOGGED_OUT = {"code": 4000, "reason": "somebody has logged out"}


class Sessions:
    """Who is logged in, by the secret in their cookie. Gone when this process ends."""

    def __init__(self):
        self._users = {}
        self._lock = threading.Lock()

    def open(self, user):
        session = secrets.token_urlsafe(32)
        with self._lock:
            if len(self._users) >= SESSIONS:
                del self._users[next(iter(self._users))]
            self._users[session] = user
        return session

    def user(self, request):
        """The user of a request, or None."""
        with self._lock:
            return self._users.get(request.cookie(COOKIE))

    def close(self, request):
        with self._lock:
            return self._users.pop(request.cookie(COOKIE), None)


sessions = Sessions()


def user_of(request):
    user = sessions.user(request)
    if not user:
        raise Refused(401, "log in first")
    return user


def name(body, member):
    found = text(body, member, 40)
    if not NAME.fullmatch(found):
        raise Refused(400, f"`{member}` has letters, digits, dots, dashes and underscores")
    return found.lower()


def cookie(value, seconds=None):
    age = "" if seconds is None else f"; Max-Age={seconds}"
    return ("Set-Cookie", f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax{age}")


def index(request):
    user = sessions.user(request)
    return page(HERE / "page", "notifications.html" if user else "login.html")


def login(request):
    """A name is enough: this application believes everybody. A real one asks for a password."""
    user = name(request.json(), "name")
    session = sessions.open(user)
    return Answer(headers=[cookie(session)])


def logout(request):
    """The session's connections are among the user's, and are closed with them; all others come back."""
    user = sessions.close(request)
    if user:
        NODE.call("disconnect", {"user": user, "disconnect": LOGGED_OUT})
    return Answer(headers=[cookie("", 0)])


def send(request):
    """A message for somebody, at once."""
    sender, body = user_of(request), request.json()
    to = name(body, "to")
    data = {"from": sender, "text": text(body, "text", MESSAGE)}
    return NODE.call("publish", {"user": to, "data": message("message", to, data)})


def remind(request):
    """A message for oneself, later. It is the node that waits: this process may end meanwhile."""
    user, body = user_of(request), request.json()
    seconds = body.get("seconds", 20)
    if not isinstance(seconds, int) or not 0 < seconds <= 86_400:
        raise Refused(400, "`seconds` is a number from 1 to 86400")
    data = {"text": text(body, "text", MESSAGE)}
    return NODE.call(
        "schedule",
        {
            "user": user,
            "id": uuid.uuid4().hex,
            "delay_ms": seconds * 1000,
            "data": message("reminder", user, data),
        },
    )


def message(kind, to, data):
    return {"msg_type": kind, "to_user_id": to, "data": data}


def connect(request):
    """A node asks whose the cookie is that came with a WebSocket's request."""
    user = sessions.user(request)
    if not user:
        return {"error": {"code": 401, "message": "log in first"}}
    return {"result": {"user": user}}


serve(
    int(os.environ["PAGE_PORT"]),
    HERE / "page",
    {
        ("GET", "/"): index,
        ("POST", "/login"): login,
        ("POST", "/logout"): logout,
        ("POST", "/send"): send,
        ("POST", "/remind"): remind,
        ("POST", "/trunkline/connect"): connect,
    },
)

"""The application behind the page: tokens for its users. It has no part in what systems say to them.

PAGE_PORT, TOKEN_SECRET: set by ./run
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from application import Answer, Refused, serve  # noqa: E402

SECRET = os.environ["TOKEN_SECRET"].encode()

# What a token is good for, in seconds. Pages fetch a new one whenever they connect.
DAY_S = 24 * 60 * 60


def part(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def token(request):
    """Who asks may choose who to be: this application knows nobody. A real one asks its session."""
    user = request.query.get("user", "")
    if not (user.isascii() and user.isdecimal() and len(user) <= 18):
        raise Refused(400, "`user` is a number")
    claims = {"sub": user, "exp": int(time.time()) + DAY_S}
    head = {"alg": "HS256", "typ": "JWT"}
    signed = b".".join(part(json.dumps(value).encode()) for value in (head, claims))
    signature = hmac.new(SECRET, signed, hashlib.sha256).digest()
    return Answer(signed + b"." + part(signature))


serve(int(os.environ["PAGE_PORT"]), HERE / "page", {("POST", "/token"): token})

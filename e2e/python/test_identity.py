"""PyPI `centrifuge-python` with tokens: who is turned away, and how."""

import base64
import hashlib
import hmac
import json
import time

import cent
import pytest
from centrifuge import Client

from node import API_KEY, Node
from sdk import RecordingClient, RecordingSubscription, connected, decode, subscribed

SECRET = "a-token-secret-for-tests-only-0123456789"
CONFIG = f"""
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
shutdown_spread = "200ms"
[token]
hmac_secret = "{SECRET}"
[api]
keys = ["{API_KEY}"]
[[namespaces]]
name = "chat"
presence = true
allow_subscribe_for_client = true
allow_presence_for_subscriber = true
[[namespaces]]
name = "bare"
"""
BOTH = pytest.mark.parametrize("protobuf", [False, True], ids=["json", "protobuf"])


@pytest.fixture(scope="module")
def guarded():
    """A node that wants tokens."""
    running = Node(CONFIG)
    yield running
    running.stop()


def token(secret=SECRET, ttl=600, **claims):
    """A JSON Web Token, HS256."""

    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    claims["exp"] = int(time.time()) + ttl
    body = b".".join(part(json.dumps(v).encode()) for v in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (body + b"." + part(hmac.new(secret.encode(), body, hashlib.sha256).digest())).decode()


async def refusal(node, protobuf, **options):
    """The code with which a connection attempt ends for good."""
    handler = RecordingClient()
    client = Client(node.ws("/connection/websocket"), events=handler, use_protobuf=protobuf, **options)
    await client.connect()
    return (await handler.events.next("disconnected")).code


async def unsubscription(client, channel, **options):
    """The code with which a subscription attempt ends for good."""
    handler = RecordingSubscription()
    await client.new_subscription(channel, events=handler, **options).subscribe()
    return (await handler.events.next("unsubscribed")).code


@BOTH
async def test_a_token_is_wanted_and_checked(guarded, protobuf):
    assert await refusal(guarded, protobuf) == 3501
    assert await refusal(guarded, protobuf, token=token(secret="another", sub="ann")) == 3500


@BOTH
async def test_an_expired_token_is_replaced(guarded, protobuf):
    async def fresh():
        return token(sub="ann")

    async with connected(guarded, protobuf, token=token(sub="ann", ttl=-60), get_token=fresh) as ann:
        sub = await subscribed(ann, "chat:python-fresh")
        clients = (await sub.presence()).clients
        assert clients[ann.hello.client].user == "ann"


@BOTH
async def test_subscription_tokens(guarded, protobuf):
    async with connected(guarded, protobuf, token=token(sub="ann")) as ann:
        async def valid(name):
            return token(sub="ann", channel=name)

        async def forged(name):
            return token(secret="another", sub="ann", channel=name)

        async def foreign(name):
            return token(sub="bob", channel=name)

        await subscribed(ann, "bare:valid", get_token=valid)
        assert await unsubscription(ann, "bare:forged", get_token=forged) == 103
        assert await unsubscription(ann, "bare:none") == 103
        assert await unsubscription(ann, "nowhere:none") == 102
        handler = RecordingSubscription()
        await ann.new_subscription("bare:foreign", events=handler, get_token=foreign).subscribe()
        assert (await ann.heard.next("disconnected")).code == 3500


@BOTH
async def test_the_server_api_rules_over_a_user(guarded, protobuf):
    api = cent.Client(guarded.http("/api"), API_KEY)
    async with connected(guarded, protobuf, token=token(sub="kim")) as kim:
        api.subscribe(cent.SubscribeRequest(user="kim", channel="bare:pushed"))
        assert (await kim.heard.next("subscribed")).channel == "bare:pushed"
        api.publish(cent.PublishRequest(channel="bare:pushed", data={"n": 1}))
        got = await kim.heard.next("publication")
        assert decode(got.pub.data, protobuf) == {"n": 1}
        api.unsubscribe(cent.UnsubscribeRequest(user="kim", channel="bare:pushed"))
        assert (await kim.heard.next("unsubscribed")).channel == "bare:pushed"
        api.disconnect(cent.DisconnectRequest(user="kim"))
        assert (await kim.heard.next("disconnected")).code == 3503

"""PyPI `centrifuge-python` and `cent` with streams on disk: the node is killed, nothing is lost."""

import asyncio
import contextlib

import cent
import pytest
from centrifuge import DeltaType, StreamPosition

from node import API_KEY, Node
from sdk import connected, decode, subscribed

CONFIG = f"""
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
shutdown_spread = "200ms"
[client]
anonymous = true
insecure = true
[api]
keys = ["{API_KEY}"]
[[namespaces]]
name = "stream"
recovery = true
history_size = 1000
history_ttl = "1h"
[[namespaces]]
name = "doc"
recovery = true
history_size = 1000
delta = true
"""
BOTH = pytest.mark.parametrize("protobuf", [False, True], ids=["json", "protobuf"])
WAYS = pytest.mark.parametrize("graceful", [False, True], ids=["kill", "graceful"])


@contextlib.asynccontextmanager
async def durable():
    """A node of a test's own, with a client of its server API."""
    node = Node(CONFIG)
    try:
        yield node, cent.Client(node.http("/api"), API_KEY)
        await asyncio.to_thread(node.end)
    finally:
        node.close()


async def restarted(node, end):
    """Ends the node in some way and starts it again; clients meanwhile do as they like."""
    await asyncio.to_thread(end)
    await asyncio.to_thread(node.again)


def publish(api, channel, data):
    """Publishes through the server API; returns the place."""
    return api.publish(cent.PublishRequest(channel=channel, data=data))


@BOTH
@WAYS
async def test_recovery_after_a_restart(protobuf, graceful):
    async with durable() as (node, api):
        end = node.end if graceful else node.crash
        async with connected(node, protobuf) as ann:
            sub = await subscribed(ann, "stream:back")
            heard = []

            async def hear(count):
                for _ in range(count):
                    got = (await sub.heard.next("publication")).pub
                    heard.append((got.offset, decode(got.data, protobuf)))

            publish(api, "stream:back", "one")
            await hear(1)

            # Away when it happens.
            await ann.disconnect()
            publish(api, "stream:back", "two")
            await restarted(node, end)
            publish(api, "stream:back", "three")
            await ann.connect()
            back = await sub.heard.next("subscribed")
            assert (back.was_recovering, back.recovered) == (True, True)
            assert back.stream_position.epoch == sub.hello.stream_position.epoch
            await hear(2)

            # Connected when it happens.
            await restarted(node, end)
            publish(api, "stream:back", "four")
            back = await sub.heard.next("subscribed")
            assert (back.was_recovering, back.recovered) == (True, True)
            publish(api, "stream:back", "five")
            await hear(2)
            assert heard == list(enumerate(["one", "two", "three", "four", "five"], start=1))
            assert sub.heard.empty("publication")


@BOTH
async def test_a_state_that_the_application_kept(protobuf):
    async with durable() as (node, api):
        first = publish(api, "stream:kept", 1)
        publish(api, "stream:kept", 2)
        await restarted(node, node.crash)

        async def state(_channel):
            return StreamPosition(first.offset, first.epoch)

        async with connected(node, protobuf) as ann:
            sub = await subscribed(ann, "stream:kept", get_state=state)
            assert sub.hello.recovered
            got = (await sub.heard.next("publication")).pub
            assert (got.offset, decode(got.data, protobuf)) == (2, 2)


@BOTH
async def test_delta_over_a_restart(protobuf):
    text = "Съешь же ещё этих мягких французских булок, да выпей чаю. 🐎"
    documents = [{"n": n, "text": text.replace("чаю", word)} for n, word in enumerate("Яёжé€🐕")]
    async with durable() as (node, api):
        async with connected(node, protobuf) as ann:
            sub = await subscribed(ann, "doc:delta", delta=DeltaType.FOSSIL)
            for document in documents[:3]:
                publish(api, "doc:delta", document)
            await restarted(node, node.crash)
            assert (await sub.heard.next("subscribed")).recovered
            for document in documents[3:]:
                publish(api, "doc:delta", document)
            for document in documents:
                got = (await sub.heard.next("publication")).pub
                assert decode(got.data, protobuf) == document


async def test_cent_reads_on_after_a_crash():
    async with durable() as (node, api):
        first = publish(api, "stream:cent", {"n": 1})
        publish(api, "stream:cent", {"n": 2})
        await restarted(node, node.crash)
        third = publish(api, "stream:cent", {"n": 3})
        assert (third.offset, third.epoch) == (3, first.epoch)
        since = cent.StreamPosition(offset=first.offset, epoch=first.epoch)
        page = api.history(cent.HistoryRequest(channel="stream:cent", limit=10, since=since))
        assert [p.data for p in page.publications] == [{"n": 2}, {"n": 3}]
        assert (page.offset, page.epoch) == (3, first.epoch)

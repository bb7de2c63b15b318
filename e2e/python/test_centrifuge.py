"""PyPI `centrifuge-python`, in both of its encodings."""

import cent
import pytest
from centrifuge import ReplyError, StreamPosition

from node import API_KEY
from sdk import connected, decode, encode, subscribed

BOTH = pytest.mark.parametrize("protobuf", [False, True], ids=["json", "protobuf"])


def channel(name, protobuf):
    """A channel of a test's own."""
    return f"chat:python-{name}-{'protobuf' if protobuf else 'json'}"


def publish(node, name, data):
    """Publishes through the server API."""
    api = cent.Client(node.http("/api"), API_KEY)
    return api.publish(cent.PublishRequest(channel=name, data=data))


@BOTH
async def test_a_publication_reaches_every_subscriber(node, protobuf):
    name = channel("talk", protobuf)
    async with connected(node, protobuf) as ann, connected(node, protobuf) as bob:
        hers, his = await subscribed(ann, name), await subscribed(bob, name)
        sent = {"text": "žluťoučký kůň 🐎", "n": [1, 2.5, None, True]}
        await hers.publish(encode(sent, protobuf))
        for sub in (hers, his):
            got = (await sub.heard.next("publication")).pub
            assert decode(got.data, protobuf) == sent
            assert got.offset == 1
            assert got.info.client == ann.hello.client


@BOTH
async def test_a_publication_of_the_server_api_arrives(node, protobuf):
    name = channel("api", protobuf)
    async with connected(node, protobuf) as ann:
        sub = await subscribed(ann, name)
        publish(node, name, {"from": "the backend"})
        got = (await sub.heard.next("publication")).pub
        assert decode(got.data, protobuf) == {"from": "the backend"}
        assert got.info is None


@BOTH
async def test_presence_and_its_figures(node, protobuf):
    name = channel("presence", protobuf)
    async with connected(node, protobuf) as ann:
        sub = await subscribed(ann, name)
        async with connected(node, protobuf) as bob:
            await subscribed(bob, name)
            clients = (await sub.presence()).clients
            assert set(clients) == {ann.hello.client, bob.hello.client}
            stats = await sub.presence_stats()
            assert (stats.num_clients, stats.num_users) == (2, 1)


@BOTH
async def test_join_and_leave(node, protobuf):
    name = channel("door", protobuf)
    async with connected(node, protobuf) as ann:
        sub = await subscribed(ann, name, join_leave=True)
        assert (await sub.heard.next("join")).info.client == ann.hello.client
        async with connected(node, protobuf) as bob:
            await subscribed(bob, name)
            assert (await sub.heard.next("join")).info.client == bob.hello.client
        assert (await sub.heard.next("leave")).info.client == bob.hello.client


@BOTH
async def test_history(node, protobuf):
    name = channel("history", protobuf)
    async with connected(node, protobuf) as ann:
        sub = await subscribed(ann, name)
        for number in (1, 2, 3):
            await sub.publish(encode(number, protobuf))

        async def read(**options):
            page = await sub.history(**options)
            assert page.offset == 3
            return [decode(p.data, protobuf) for p in page.publications], page.epoch

        everything, epoch = await read(limit=-1)
        assert everything == [1, 2, 3]
        assert (await read(limit=1))[0] == [1]
        assert (await read(limit=5, since=StreamPosition(1, epoch)))[0] == [2, 3]
        assert (await read(limit=2, reverse=True))[0] == [3, 2]


@BOTH
async def test_unsubscribe(node, protobuf):
    name = channel("quiet", protobuf)
    async with connected(node, protobuf) as ann:
        sub = await subscribed(ann, name)
        marker = await subscribed(ann, name + "-marker")
        await sub.unsubscribe()
        assert (await sub.heard.next("unsubscribed")).code == 0
        with pytest.raises(ReplyError):  # a round trip after which the server has heard of it
            await ann.rpc("after", encode(None, protobuf))
        publish(node, name, "unheard")
        publish(node, name + "-marker", "heard")
        assert decode((await marker.heard.next("publication")).pub.data, protobuf) == "heard"
        assert sub.heard.empty("publication")


@BOTH
async def test_an_rpc_nobody_handles_is_108(node, protobuf):
    async with connected(node, protobuf) as ann:
        with pytest.raises(ReplyError) as raised:
            await ann.rpc("sum", encode([1, 2], protobuf))
        assert raised.value.code == 108


@BOTH
async def test_many_publications_keep_their_order(node, protobuf):
    name = channel("order", protobuf)
    async with connected(node, protobuf) as ann:
        sub = await subscribed(ann, name)
        for number in range(200):
            await sub.publish(encode(number, protobuf))
        for number in range(200):
            got = (await sub.heard.next("publication")).pub
            assert (decode(got.data, protobuf), got.offset) == (number, number + 1)

"""The Centrifuge SDK for Python with a mailbox per kind of event."""

import asyncio
import contextlib
import json

from centrifuge import Client, ClientEventHandler, SubscriptionEventHandler

from node import DEADLINE_SECONDS


class Mailboxes:
    """One queue per event name: `await events.next("publication")`."""

    def __init__(self):
        self._queues = {}

    def _queue(self, name):
        return self._queues.setdefault(name, asyncio.Queue())

    def put(self, name, context):
        """Remembers an event."""
        self._queue(name).put_nowait(context)

    async def next(self, name):
        """The oldest event of this name that nobody took, or an error after the deadline."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._queue(name).get()

    def empty(self, name):
        """True when no event of this name waits."""
        return self._queue(name).empty()


def listener(base):
    """A handler class that puts every event of `base` into mailboxes."""

    def recorder(name):
        async def record(self, ctx):
            self.events.put(name.removeprefix("on_"), ctx)

        return record

    methods = {name: recorder(name) for name in vars(base) if name.startswith("on_")}
    made = type(f"Recording{base.__name__}", (base,), methods)

    def init(self):
        self.events = Mailboxes()

    made.__init__ = init
    return made


RecordingClient = listener(ClientEventHandler)
RecordingSubscription = listener(SubscriptionEventHandler)


@contextlib.asynccontextmanager
async def connected(node, protobuf, **options):
    """A connected client; it disconnects at the end of the block."""
    handler = RecordingClient()
    client = Client(
        node.ws("/connection/websocket"),
        events=handler,
        use_protobuf=protobuf,
        min_reconnect_delay=0.01,
        **options,
    )
    client.heard = handler.events
    await client.connect()
    try:
        client.hello = await client.heard.next("connected")
        yield client
    finally:
        await client.disconnect()


async def subscribed(client, channel, **options):
    """A subscription that is subscribed; `hello` is what the SDK said then."""
    handler = RecordingSubscription()
    sub = client.new_subscription(channel, events=handler, **options)
    sub.heard = handler.events
    await sub.subscribe()
    sub.hello = await sub.heard.next("subscribed")
    return sub


def encode(value, protobuf):
    """A value as the SDK wants it: bytes with Protobuf, anything with JSON."""
    return json.dumps(value).encode() if protobuf else value


def decode(data, protobuf):
    """What `encode` made, from what the SDK gave."""
    return json.loads(data) if protobuf else data

"""PyPI `websockets` on `/ws` and on the rooms endpoint."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from node import DEADLINE_SECONDS


async def receive(socket):
    """The next frame within the deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await socket.recv()


async def test_ws_speaks_one_object_per_frame(node):
    async with connect(node.ws("/ws?channels=chat:python-plain")) as socket:
        assert json.loads(await receive(socket))["connect"]["client"]
        assert json.loads(await receive(socket))["channel"] == "chat:python-plain"
        await socket.send('{"id":1,"publish":{"channel":"chat:python-plain","data":{"n":1}}}')
        frames = [json.loads(await receive(socket)) for _ in range(2)]
        reply = next(frame for frame in frames if "id" in frame)
        push = next(frame for frame in frames if "pub" in frame)
        assert reply == {"id": 1, "publish": {}}
        assert (push["channel"], push["pub"]["data"]) == ("chat:python-plain", {"n": 1})
        pong = await socket.ping()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await pong


async def test_ws_takes_fragmented_messages(node):
    async with connect(node.ws("/ws?channels=chat:python-parts")) as socket:
        for _ in ("connect", "subscribe"):
            await receive(socket)
        parts = ['{"id":1,"publish":{"chan', 'nel":"chat:python-parts","data":"', "whole", '"}}']
        await socket.send(iter(parts))
        frames = [json.loads(await receive(socket)) for _ in range(2)]
        assert any(frame.get("pub", {}).get("data") == "whole" for frame in frames)


async def test_rooms_byte_for_byte(node):
    async with connect(node.ws("/api/v1/ws/python/1")) as ann:
        arrival = '{{"user_id":{0},"room_id":"python","message":"User {0} connected to room - python"}}'
        assert await receive(ann) == arrival.format(1)
        async with connect(node.ws("/api/v1/ws/python/2")) as bob:
            assert await receive(ann) == arrival.format(2)
            assert await receive(bob) == arrival.format(2)
            await bob.send("ahoj, světe")
            expected = '{"user_id":2,"room_id":"python","message":"ahoj, světe"}'
            assert await receive(ann) == expected
            assert await receive(bob) == expected
        farewell = '{"user_id":2,"room_id":"python","message":"User 2 disconnected from room - python"}'
        assert await receive(ann) == farewell


async def test_rooms_want_an_integer(node):
    with pytest.raises(InvalidStatus) as raised:
        await connect(node.ws("/api/v1/ws/python/ann"))
    assert raised.value.response.status_code == 400

"""PyPI `cent`, the client library of the server API."""

import cent
import pytest
from cent.exceptions import CentApiResponseError, CentUnauthorizedError

from node import API_KEY


@pytest.fixture
def api(node):
    """The library as an application makes it."""
    return cent.Client(node.http("/api"), API_KEY)


def test_publish_and_history(api):
    first = api.publish(cent.PublishRequest(channel="cent:history", data={"n": 1}, tags={"t": "1"}))
    api.publish(cent.PublishRequest(channel="cent:history", data={"n": 2}))
    assert first.offset == 1 and first.epoch
    page = api.history(cent.HistoryRequest(channel="cent:history", limit=10))
    assert [p.data for p in page.publications] == [{"n": 1}, {"n": 2}]
    assert page.publications[0].tags == {"t": "1"}
    assert (page.offset, page.epoch) == (2, first.epoch)
    since = cent.StreamPosition(offset=1, epoch=first.epoch)
    rest = api.history(cent.HistoryRequest(channel="cent:history", limit=10, since=since))
    assert [p.offset for p in rest.publications] == [2]


def test_broadcast(api):
    done = api.broadcast(cent.BroadcastRequest(channels=["cent:b1", "cent:b2"], data="x"))
    assert [response.result.offset for response in done.responses] == [1, 1]


def test_presence_channels_and_info(api):
    assert api.presence(cent.PresenceRequest(channel="cent:nobody")).presence == {}
    stats = api.presence_stats(cent.PresenceStatsRequest(channel="cent:nobody"))
    assert (stats.num_clients, stats.num_users) == (0, 0)
    assert api.channels(cent.ChannelsRequest(pattern="cent:none-*")).channels == {}
    (node,) = api.info(cent.InfoRequest()).nodes
    assert node.uid and node.version


def test_users_who_are_not_here(api):
    api.subscribe(cent.SubscribeRequest(user="nobody", channel="cent:x"))
    api.unsubscribe(cent.UnsubscribeRequest(user="nobody", channel="cent:x"))
    api.disconnect(cent.DisconnectRequest(user="nobody"))


def test_batch(api):
    publish = cent.PublishRequest(channel="cent:batch", data=1)
    history = cent.HistoryRequest(channel="cent:batch", limit=10)
    done = api.batch(cent.BatchRequest(requests=[publish, publish, history]))
    assert [done.replies[0].offset, done.replies[1].offset] == [1, 2]
    assert len(done.replies[2].publications) == 2


def test_idempotency(api):
    request = cent.PublishRequest(channel="cent:once", data=1, idempotency_key="k")
    assert api.publish(request) == api.publish(request)


def test_errors(api, node):
    with pytest.raises(CentApiResponseError) as raised:
        api.publish(cent.PublishRequest(channel="", data=1))
    assert raised.value.code == 107
    with pytest.raises(CentUnauthorizedError):
        cent.Client(node.http("/api"), "wrong").info(cent.InfoRequest())


async def test_the_asynchronous_client(node):
    api = cent.AsyncClient(node.http("/api"), API_KEY)
    async with api:
        done = await api.publish(cent.PublishRequest(channel="cent:async", data=1))
        assert done.offset == 1

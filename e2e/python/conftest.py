"""Fixtures, and tests that are coroutines."""

import asyncio
import inspect

import pytest

from node import DEADLINE_SECONDS, Node


@pytest.fixture(scope="session")
def node():
    """A development server that all tests share; each uses channels of its own."""
    running = Node()
    yield running
    running.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs a coroutine test in an event loop of its own, for at most a minute."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in wanted}
    asyncio.run(to_its_end(pyfuncitem.obj(**arguments)))
    return True


async def to_its_end(test):
    """Runs a test, and lets what it closed finish: SDKs close their connections in tasks."""
    await asyncio.wait_for(test, 4 * DEADLINE_SECONDS)
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    if rest:
        _, stuck = await asyncio.wait(rest, timeout=DEADLINE_SECONDS)
        assert not stuck, f"still busy after the test: {stuck}"

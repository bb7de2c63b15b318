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
    asyncio.run(asyncio.wait_for(pyfuncitem.obj(**arguments), 4 * DEADLINE_SECONDS))
    return True

"""What every test stands on: one thread, a cache of its own, no network."""

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

# Before torch and datasets are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

settings.register_profile("seqclf", deadline=None, derandomize=True)  # busy machines, same examples every time
settings.load_profile("seqclf")

LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "", None)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQCLF_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Anything but the machine itself is out of reach; processes that a test starts see the offline variables only."""

    def refuse_far(real: Any, host_of: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            host = host_of(arguments)
            if host not in (*LOOPBACK, socket.gethostname()):
                raise OSError(f"tests use no network, but {host!r} was asked for")
            return real(*arguments, **options)

        return call

    def peer(arguments: Any) -> Any:
        return arguments[1][0] if isinstance(arguments[1], tuple) else None  # a Unix socket has a path

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, refuse_far(getattr(socket.socket, name), peer))
        patch.setattr(socket, "getaddrinfo", refuse_far(socket.getaddrinfo, lambda arguments: arguments[0]))
        yield

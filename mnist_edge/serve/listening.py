"""The address of a service, and the sockets of its processes."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mnist_edge.errors import ServingError, first_line

# Whether several sockets can listen at one address, and the kernel shares out connections among
# them. Of one socket that several processes listen on, whoever wakes first takes all.
SHARES = sys.platform == "linux"


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound and does not listen yet; another service's is not joined.

    Args:
        host: a name or an address, of IPv4 or IPv6.
        port: 0 for any that is free.

    Raises:
        ServingError: it cannot be bound.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except BaseException:
            listener.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ServingError(
            f"cannot listen on port {port} of {host}: {reason}.",
            remedy="give another --port, or 0 for any that is free; and an own address as --host.",
        ) from error
    return listener


def sharing(listener: socket.socket) -> socket.socket:
    """Return another socket for the same address, which more may be made for, where that goes."""
    if not SHARES:
        return listener.dup()
    other = socket.socket(listener.family, listener.type, listener.proto)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    other.bind(listener.getsockname())
    return other


@contextmanager
def reserved(listener: socket.socket) -> Iterator[None]:
    """Keep an address that sockets share from another service, which would share it as well.

    Raises:
        ServingError: another one has it.
    """
    if not SHARES:
        yield
        return
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(f"\0mnist-edge serve {url_of(listener)}")  # gone with the process
        except OSError as error:
            raise ServingError(
                f"another service is about to listen at {url_of(listener)}.",
                remedy="give another --port, or 0 for any that is free.",
            ) from error
        yield


def url_of(listener: socket.socket) -> str:
    """Return the address that a socket is bound to."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

"""Ports for parts that nobody has given one."""

import secrets
import socket

# Below Linux's range for outgoing connections (32768 up), so that no connection takes the port between choosing and binding it.
LOWEST, HIGHEST = 20_000, 32_000

_chosen: set[int] = set()  # by this process: a port may be chosen long before its server binds it


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could bind `port` of `host` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are only waiting for their end is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on and that was not given before in this process.

    Raises `OSError` when a hundred tries find none.
    """
    for _ in range(100):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if port not in _chosen and is_free(port, host):
            _chosen.add(port)
            return port
    raise OSError(f"no free port between {LOWEST} and {HIGHEST} on {host}; end some of the programs that listen there")

"""The server that runs an application of chains: uvicorn, and an end that loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from runnables.core.installation import missing_extra
from runnables.errors import ConfigError
from runnables.serving.app import create_app
from runnables.serving.guard import LOOPBACK
from runnables.serving.protocols import has_page

if TYPE_CHECKING:
    import socket

try:
    import uvicorn
except ImportError:
    raise missing_extra("Serving chains", "uvicorn", "serve") from None

GRACE: Final = 5
"""For how many seconds a server that shuts down waits for open connections."""


class ChainServer(uvicorn.Server):
    """A server whose open streams end with their protocol's last frame when it shuts down."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse new runs, end those that are open, and close the server."""
        cast("Any", self.config.app).state.service.stop()
        await super().shutdown(sockets)


def serve(
    chains: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    log_level: str = "info",
    **options: Any,
) -> None:
    """Serve one chain, or several by their names, until Ctrl-C or SIGTERM.

    Args:
        chains: a runnable, or a dict of names and runnables.
        host: the address to listen on; only this machine by default.
        port: the port; 0: any that is free.
        log_level: of the server's log.
        **options: those of `create_app`; `page` and `shows_steps` are True on this machine alone,
            the page only where `protocols` has what it asks.

    Raises:
        ConfigError: something that cannot be served, or another address than this machine's with
            neither `api_keys` nor `allowed_hosts`.
        MissingExtra: the extra `serve` is not installed.
    """
    is_local = host in ("127.0.0.1", "localhost", "::1")
    if not is_local and "allowed_hosts" not in options:
        raise ConfigError(
            f"host={host!r} is open to other machines: say under which names, "
            f"allowed_hosts=[...] ({', '.join(LOOPBACK)} by default, '*' for any), and think of "
            "api_keys=[...], without which everyone who reaches it can use it"
        )
    options.setdefault("shows_steps", is_local)
    options.setdefault("page", is_local and has_page(options.get("protocols")))
    app = create_app(chains, **options)
    config = uvicorn.Config(
        app, host=host, port=port, log_level=log_level, timeout_graceful_shutdown=GRACE
    )
    ChainServer(config).run()

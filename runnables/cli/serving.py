"""The command `runnables serve`."""

from __future__ import annotations

from typing import Any

from runnables.cli.targets import load


def serve(
    target: str,
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    name: str | None = None,
    api_key: list[str] | None = None,
    allowed_host: list[str] | None = None,
    page: bool | None = None,
    protocol: list[str] | None = None,
    grace: float | None = None,
) -> int:
    """Serve a chain to the clients of OpenAI, the AI SDK, AG-UI and LangServe, and on a page.

    Args:
        target: the chain: module:variable.
        host: the address to listen on; only this machine by default.
        port: the port.
        name: the name of the chain, which is a model for OpenAI's clients; by default that of the
            variable.
        api_key: a key that requests must have as a bearer token; may be given several times.
        allowed_host: a name under which the server is reached; may be given several times.
        page: whether there is a page at "/", on which the chain is tried; by default only on this
            machine, and where it finds its protocols, ai-sdk and rest.
        protocol: what is spoken: chat-completions, responses, ai-sdk, ag-ui or rest; may be given
            several times; by default all.
        grace: for how many seconds a run goes on without its reader, and can be resumed; by
            default it stops at once.
    """
    from runnables import serving  # it needs the extra `serve`

    chain, named = load(target), name or target.rpartition(":")[2]
    resume = None if grace is None else serving.Resume(grace=grace)
    given = {
        "allowed_hosts": allowed_host, "page": page, "protocols": protocol, "resume": resume
    }  # fmt: skip
    options: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    serving.serve(chain, name=named, host=host, port=port, api_keys=api_key or (), **options)
    return 0

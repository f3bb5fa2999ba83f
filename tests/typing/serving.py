"""The types of served chains. mypy and pyright read this file; it is not run."""

from __future__ import annotations

from typing import assert_type

from starlette.applications import Starlette

from runnables import RunnableLambda
from runnables.serving import add_routes, create_app


def double(number: int) -> int:
    """Double a number."""
    return number * 2


chain = RunnableLambda(double)
app = create_app(chain, protocols=["rest", "ag-ui"])
assert_type(app, Starlette)
create_app(chain, protocols={"chat-completions", "responses", "ai-sdk"})
add_routes(app, chain, "/double", protocols=["rest"])
create_app(chain, protocols=["rset"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
create_app(chain, protocols="rest")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

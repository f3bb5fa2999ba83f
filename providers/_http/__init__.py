"""The HTTP edge of the providers: send and stream in both colours, and what reads the bytes.

What a provider says over HTTP goes through here, and nothing else knows the HTTP library. It is
loaded by the first call.
"""

from providers._http.edge import (
    AsyncStreamed as AsyncStreamed,
    Streamed as Streamed,
    asend as asend,
    astream as astream,
    close as close,
    send as send,
    stream as stream,
    under_way as under_way,
)
from providers._http.extras import require_http as require_http
from providers._http.json_lines import JSONLinesDecoder as JSONLinesDecoder
from providers._http.plain import (
    Reply as Reply,
    Request as Request,
    Setup as Setup,
    Timeouts as Timeouts,
)
from providers._http.sse import ServerSentEvent as ServerSentEvent, SSEDecoder as SSEDecoder

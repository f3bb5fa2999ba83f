"""The HTTP edge of the providers: send and stream in both colours, and what reads the bytes.

What a provider says over HTTP goes through here, and nothing else knows the HTTP library. It is
loaded by the first call.
"""

from runnables_providers._http.client import (
    AsyncStreamedReply as AsyncStreamedReply,
    StreamedReply as StreamedReply,
    asend as asend,
    astream as astream,
    close as close,
    send as send,
    stream as stream,
    under_way as under_way,
)
from runnables_providers._http.extras import require_http as require_http
from runnables_providers._http.json_lines import JSONLinesDecoder as JSONLinesDecoder
from runnables_providers._http.sse import (
    ServerSentEvent as ServerSentEvent,
    SSEDecoder as SSEDecoder,
)
from runnables_providers._http.types import (
    ClientConfig as ClientConfig,
    Reply as Reply,
    Request as Request,
    Timeouts as Timeouts,
)

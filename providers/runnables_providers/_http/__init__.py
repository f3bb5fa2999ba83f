"""The HTTP layer of the providers: send and stream, sync and async, and decoders of the bytes.

Every HTTP call of a provider goes through here, and no other package imports the HTTP library. The
first call loads it.
"""

from runnables_providers._http.client import (
    AsyncStreamedReply as AsyncStreamedReply,
    StreamedReply as StreamedReply,
    asend as asend,
    astream as astream,
    close as close,
    open_calls as open_calls,
    send as send,
    stream as stream,
)
from runnables_providers._http.extras import require_http as require_http
from runnables_providers._http.json_lines import JSONLinesDecoder as JSONLinesDecoder
from runnables_providers._http.lines import BoundedBody as BoundedBody
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

"""HTTP for providers: send and stream in both colours, and read what comes."""

from providers._http.client import (
    AStreamed as AStreamed,
    Streamed as Streamed,
    asend as asend,
    astream as astream,
    send as send,
    stream as stream,
)
from providers._http.faults import model_error as model_error, retry_after as retry_after
from providers._http.json_lines import JSONLinesDecoder as JSONLinesDecoder
from providers._http.plain import (
    Reply as Reply,
    Request as Request,
    Setup as Setup,
    Timeouts as Timeouts,
)
from providers._http.sse import (
    ServerSentEvent as ServerSentEvent,
    SSEDecoder as SSEDecoder,
)

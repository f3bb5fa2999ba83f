"""The program that is the server: loads the embedded model, prints its address, and serves.

It ends when its standard input does, hence also when the tests die.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import xllamacpp

from runnables_providers.local.fetching import fetch

TEMPLATE = Path(__file__).with_name("tools.jinja")


def params(key: str) -> Any:
    """The settings of the server; those that a reader would not expect have a reason."""
    it = xllamacpp.CommonParams()
    it.model.path = str(fetch())
    it.model_alias = {"smollm2"}
    it.verbosity = -1
    it.hostnames, it.port, it.api_keys = ["127.0.0.1"], 0, [key]
    it.ui = False
    it.n_threads_http = 16
    # One thread writes: two wait for each other at every word wherever something else is at work.
    # Two read a prompt, in half the time where they can, in the same time where they cannot.
    it.cpuparams.n_threads, it.cpuparams_batch.n_threads = 1, 2
    it.n_parallel = 4
    it.cache_ram_mib = 256  # some 50 prompts with tools
    # Vectors and answers from one server. A vector is right only where its text is read in one
    # step, hence one pool of memory, and steps that hold a whole text.
    it.embedding = True
    it.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    it.n_ctx, it.kv_unified = 4096, True
    it.n_batch = it.n_ubatch = 512
    # No answer goes on for ever.
    it.sampling.temp = 0.0
    it.n_predict = 128
    # The model's own template has no place for tools.
    it.chat_template = TEMPLATE.read_text(encoding="utf-8")
    return it


def main() -> None:
    """Serve until standard input ends."""
    server = xllamacpp.Server(params(sys.argv[1]))
    print(server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)  # without the runtime's own end, which waits for calls that are under way


if __name__ == "__main__":
    main()

"""The program of the server: it loads the local model, prints its URL, and serves.

It ends when its standard input ends, so also when the tests are killed.
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
    """Return the settings of the server; unusual ones have a comment."""
    settings = xllamacpp.CommonParams()
    settings.model.path = str(fetch())
    settings.model_alias = {"smollm2"}
    settings.verbosity = -1
    settings.hostnames, settings.port, settings.api_keys = ["127.0.0.1"], 0, [key]
    settings.ui = False
    settings.n_threads_http = 16
    # One thread generates: two wait for each other at every token if the CPUs are busy. Two threads
    # read a prompt, in half the time if both CPUs are free, and in the same time if not.
    settings.cpuparams.n_threads, settings.cpuparams_batch.n_threads = 1, 2
    settings.n_parallel = 4
    settings.cache_ram_mib = 256  # about 50 prompts with tools
    # One server for vectors and answers. A vector is correct only if its text is read in one step,
    # so there is one pool of memory, and a step holds a whole text.
    settings.embedding = True
    settings.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    settings.n_ctx, settings.kv_unified = 4096, True
    settings.n_batch = settings.n_ubatch = 512
    # Answers are limited.
    settings.sampling.temp = 0.0
    settings.n_predict = 128
    # The template of the model has no tools.
    settings.chat_template = TEMPLATE.read_text(encoding="utf-8")
    return settings


def main() -> None:
    """Serve until standard input ends."""
    server = xllamacpp.Server(params(sys.argv[1]))
    print(server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)  # skips the shutdown of the runtime, which waits for running calls


if __name__ == "__main__":
    main()

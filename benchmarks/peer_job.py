"""One batch job, done by one library: `python peer_job.py NAME URL ROWS FOLDER`.

`benchmarks.job_peers` runs this in an environment of each library, so nothing of this project is
imported here unless its own job runs. It prints what the job took, as JSON. Clocks start when the
library is imported and set up, before its first call.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LIMIT = 64
MODEL = "m"
KEY = "sk-x"

Job = Callable[[str, Sequence[str], str], Callable[[], Sequence[object]]]
"""Takes the URL, the prompts and a folder; returns what does the job and returns the answers."""


def _body(prompt: str) -> bytes:
    request = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
    return json.dumps(request).encode()


def _text(answer: bytes) -> str:
    return json.loads(answer)["choices"][0]["message"]["content"]


async def _gather(prompts: Sequence[str], ask: Callable[[str], Awaitable[str]]) -> list[str]:
    limit = asyncio.Semaphore(LIMIT)

    async def one(prompt: str) -> str:
        async with limit:
            return await ask(prompt)

    return await asyncio.gather(*map(one, prompts))


def floor_httpx(url: str, prompts: Sequence[str], folder: str) -> Callable[[], Sequence[object]]:
    """Do it with asyncio, a semaphore and httpx."""
    import httpx

    async def run() -> list[str]:
        limits = httpx.Limits(max_connections=LIMIT, max_keepalive_connections=LIMIT)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:

            async def ask(prompt: str) -> str:
                answer = await client.post(f"{url}/chat/completions", content=_body(prompt))
                return _text(answer.content)

            return await _gather(prompts, ask)

    return lambda: asyncio.run(run())


def floor_aiohttp(url: str, prompts: Sequence[str], folder: str) -> Callable[[], Sequence[object]]:
    """Do it with asyncio, a semaphore and aiohttp."""
    import aiohttp

    async def run() -> list[str]:
        connector = aiohttp.TCPConnector(limit=LIMIT)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def ask(prompt: str) -> str:
                address = f"{url}/chat/completions"
                async with session.post(address, data=_body(prompt)) as answer:
                    return _text(await answer.read())

            return await _gather(prompts, ask)

    return lambda: asyncio.run(run())


def _ours(*, sync: bool = False, checkpoint: bool = False, **keywords: Any) -> Job:
    def prepare(url: str, prompts: Sequence[str], folder: str) -> Callable[[], Sequence[object]]:
        from runnables import StrOutputParser
        from runnables_providers.openai import ChatOpenAI

        chain = ChatOpenAI(MODEL, api_key=KEY, base_url=url) | StrOutputParser()
        if checkpoint:
            keywords["checkpoint"] = Path(folder, "run.sqlite")
        if sync:
            return lambda: chain.batch(prompts, **keywords)
        return lambda: asyncio.run(chain.abatch(prompts, **keywords))

    return prepare


def _async_batch_llm(*, stores: bool) -> Job:
    def prepare(url: str, prompts: Sequence[str], folder: str) -> Callable[[], Sequence[object]]:
        import async_batch_llm as abl

        async def run() -> list[object]:
            model = abl.llm(
                f"openai-compatible:{MODEL}", base_url=url, api_key=KEY, max_connections=LIMIT
            )
            keywords: dict[str, Any] = {}
            if stores:
                keywords["artifact_store"] = abl.SqliteArtifactStore(Path(folder, "abl.sqlite"))
            done = await abl.process_prompts(
                model, list(prompts), concurrency=LIMIT, preserve_order=True, **keywords
            )
            return [result.output for result in done.results if result.success]

        return lambda: asyncio.run(run())

    return prepare


def _curator(url: str, prompts: Sequence[str], folder: str) -> Callable[[], Sequence[object]]:
    """Do it with curator, which always stores answers in a folder."""
    tokenizers = Path(find_spec("litellm").origin).parent / "litellm_core_utils" / "tokenizers"
    os.environ |= {
        "TIKTOKEN_CACHE_DIR": str(tokenizers),  # else it asks the internet for them
        "CURATOR_CACHE_DIR": folder,
        "CURATOR_DISABLE_RICH_DISPLAY": "1",
        "TELEMETRY_ENABLED": "false",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "HF_HUB_OFFLINE": "1",
        "OPENAI_API_KEY": KEY,
    }
    from bespokelabs import curator
    from datasets import Dataset

    class Ask(curator.LLM):
        def prompt(self, row: dict[str, Any]) -> str:
            return row["prompt"]

        def parse(self, row: dict[str, Any], answer: str) -> dict[str, Any]:
            return {"answer": answer}

    model = Ask(
        model_name=MODEL,
        backend="openai",
        backend_params={
            "base_url": url,
            "max_concurrent_requests": LIMIT,
            "max_requests_per_minute": 10**7,
            "max_tokens_per_minute": 10**9,
        },
    )
    rows = Dataset.from_list([{"prompt": prompt} for prompt in prompts])

    def run() -> list[object]:
        done = model(rows)
        return [row["answer"] for row in getattr(done, "dataset", done)]

    return run


def _dspy(url: str, prompts: Sequence[str], folder: str) -> Callable[[], Sequence[object]]:
    """Do it with the `batch` of a module of dspy that asks the model and parses nothing."""
    os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "DSPY_CACHEDIR": folder}
    import dspy

    model = dspy.LM(f"openai/{MODEL}", api_base=url, api_key=KEY, cache=False)

    class Ask(dspy.Module):
        def forward(self, prompt: str) -> Any:
            return dspy.Prediction(answer=model(prompt)[0])

    rows = [dspy.Example(prompt=prompt).with_inputs("prompt") for prompt in prompts]

    def run() -> list[object]:
        done = Ask().batch(rows, num_threads=LIMIT, disable_progress_bar=True)
        return [row.answer for row in done if row is not None]

    return run


JOBS: dict[str, Job] = {
    "asyncio, httpx": floor_httpx,
    "asyncio, aiohttp": floor_aiohttp,
    "abatch": _ours(max_concurrency=LIMIT),
    "abatch, progress=": _ours(max_concurrency=LIMIT, progress=lambda _: None),
    "abatch, checkpoint=": _ours(max_concurrency=LIMIT, checkpoint=True),
    'abatch, checkpoint=, max_concurrency="auto"': _ours(max_concurrency="auto", checkpoint=True),
    "batch, checkpoint=": _ours(max_concurrency=LIMIT, checkpoint=True, sync=True),
    "async-batch-llm": _async_batch_llm(stores=False),
    "async-batch-llm, SQLite": _async_batch_llm(stores=True),
    "curator": _curator,
    "dspy": _dspy,
}


def main() -> None:
    """Do one job; print what it took as the last line, in JSON."""
    name, url, count, folder = sys.argv[1:]
    prompts = [f"Row {number}: describe it." for number in range(int(count))]
    run = JOBS[name](url, prompts, folder)
    began, before = time.perf_counter(), time.process_time()
    answers = run()
    took = {
        "answers": sum(1 for answer in answers if answer),
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - before,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }
    print(json.dumps(took), flush=True)
    sys.stdout.flush()
    os._exit(0)  # some keep threads


if __name__ == "__main__":
    main()

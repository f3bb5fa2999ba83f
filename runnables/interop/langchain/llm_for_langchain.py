"""A model of text of ours as an `LLM` of LangChain. Loaded when one is converted."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.globals import get_llm_cache
from langchain_core.language_models import LLM, LangSmithParams
from langchain_core.outputs import GenerationChunk
from pydantic import ConfigDict
from typing_extensions import override

from runnables.compose.wrappers import innermost
from runnables.interop.langchain import model_runs
from runnables.interop.langchain.configured_calls import ConfiguredCalls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )


class TextModelForLangChain(ConfiguredCalls, LLM):
    """A model of text of ours that LangChain takes for one of theirs.

    Attributes:
        ours: the model, which may have a retry, fallbacks or bound options around it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    _adapts: ClassVar[str] = "ours"

    ours: Any

    @property
    def model_name(self) -> str | None:
        """Return the name of the model at its provider."""
        name: str | None = getattr(innermost(self.ours, None), "model", None)
        return name

    @property
    def _llm_type(self) -> str:
        return f"runnables-{type(innermost(self.ours, None)).__name__}"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        shown = model_runs.parameters(self.ours)
        is_cached = get_llm_cache() if self.cache is None else self.cache
        return {**shown, "cache_key": model_runs.cache_key(self.ours)} if is_cached else shown

    @cached_property
    def _serialized(self) -> dict[str, Any]:
        return model_runs.description(self, self.ours)

    @override
    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return model_runs.tracing_parameters(self.ours, "llm", stop, kwargs)

    @override
    def get_num_tokens(self, text: str) -> int:
        model: Any = innermost(self.ours, None)
        return int(model.get_num_tokens(text))

    def _call(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return str(model_runs.invoke(self.ours, prompt, stop, kwargs))

    async def _acall(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return str(await model_runs.ainvoke(self.ours, prompt, stop, kwargs))

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        chunks = model_runs.stream(self.ours, prompt, stop, kwargs)
        try:
            for chunk in chunks:
                made = GenerationChunk(text=str(chunk))
                if run_manager is not None:
                    run_manager.on_llm_new_token(made.text, chunk=made)
                yield made
        finally:
            chunks.close()

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        chunks = model_runs.astream(self.ours, prompt, stop, kwargs)
        try:
            async for chunk in chunks:
                made = GenerationChunk(text=str(chunk))
                if run_manager is not None:
                    await run_manager.on_llm_new_token(made.text, chunk=made)
                yield made
        finally:
            await chunks.aclose()

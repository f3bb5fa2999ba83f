"""Counting tokens and costs, under the names of LangChain's handlers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from runnables.core.signatures import checks_keywords
from runnables.models.prices import checked_prices, cost_of
from runnables.models.usage import Usage, handling

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from runnables.core.handlers import Event
    from runnables.messages.usage import UsageMetadata
    from runnables.models.prices import Price


class UsageMetadataCallbackHandler(Usage):
    """A `Usage`, with LangChain's name for its usage of each model.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> reported = UsageMetadata(input_tokens=3, output_tokens=2, total_tokens=5)
        >>> usage = UsageMetadataCallbackHandler()
        >>> model = ScriptedChatModel(["Ahoy!"], usage=reported)
        >>> answer = model.invoke("Hello", {"callbacks": [usage]})
        >>> usage.usage_metadata
        {'ScriptedChatModel': {'input_tokens': 3, 'output_tokens': 2, 'total_tokens': 5}}
    """

    @property
    def usage_metadata(self) -> dict[str, UsageMetadata]:
        """Return the usage of each model, by the name that the provider reports, or the run's."""
        return self.by_model


def get_usage_metadata_callback(
    name: str = "usage_metadata_callback",
) -> AbstractContextManager[UsageMetadataCallbackHandler, None]:
    """Count the tokens of each model that runs inside the block; see `track_usage`.

    Args:
        name: not used; LangChain names a context variable by it.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> reported = UsageMetadata(input_tokens=3, output_tokens=2, total_tokens=5)
        >>> model = ScriptedChatModel(["Ahoy!"], cycle=True, usage=reported)
        >>> with get_usage_metadata_callback() as callback:
        ...     answers = model.batch(["Hello", "Good morning"])
        >>> callback.usage_metadata["ScriptedChatModel"]["total_tokens"]
        10
    """
    return handling(UsageMetadataCallbackHandler)


class OpenAICallbackHandler(Usage):
    """A `Usage` of any provider's models, with the attributes of LangChain's handler, and costs.

    The library knows no prices, as they change: pass those of your models. What models without
    a price have used is in the numbers of tokens, not in `total_cost`; that warns when it is read,
    and `unpriced_models` names them. Answers from a cache count nowhere.

    Args:
        prices: what a million tokens of a model cost, by its name, as for `Budget`.

    Attributes:
        successful_requests: how many models have answered.

    Raises:
        ConfigError: prices in another shape.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> reported = UsageMetadata(input_tokens=3000, output_tokens=200, total_tokens=3200)
        >>> cost = OpenAICallbackHandler(prices={"ScriptedChatModel": (2.0, 10.0)})
        >>> model = ScriptedChatModel(["Ahoy!"], usage=reported)
        >>> answer = model.invoke("Hello", {"callbacks": [cost]})
        >>> cost
        Tokens Used: 3200
            Prompt Tokens: 3000
            Completion Tokens: 200
        Successful Requests: 1
        Total Cost: 0.008
    """

    @checks_keywords
    def __init__(self, *, prices: Mapping[str, Price] | None = None) -> None:
        super().__init__()
        self.prices = checked_prices(prices)
        # Runs end in several threads at once: appending is safe there, adding is not.
        self._requests: list[None] = []

    def on_event(self, event: Event) -> None:
        """Count an answer, and its usage."""
        super().on_event(event)
        if event.kind == "end" and event.run_type in ("chat_model", "llm"):
            if not getattr(event.output, "response_metadata", {}).get("from_cache"):
                self._requests.append(None)

    @property
    def successful_requests(self) -> int:
        """Return how many models have answered."""
        return len(self._requests)

    @property
    def total_tokens(self) -> int:
        """Return the number of all tokens."""
        return self.total["total_tokens"]

    @property
    def prompt_tokens(self) -> int:
        """Return the number of tokens that models have read."""
        return self.total["input_tokens"]

    @property
    def prompt_tokens_cached(self) -> int:
        """Return how many of them came from a provider's cache."""
        return self.total.get("input_token_details", {}).get("cache_read", 0)

    @property
    def completion_tokens(self) -> int:
        """Return the number of tokens that models have written."""
        return self.total["output_tokens"]

    @property
    def reasoning_tokens(self) -> int:
        """Return how many of them were reasoning."""
        return self.total.get("output_token_details", {}).get("reasoning", 0)

    @property
    def total_cost(self) -> float:
        """Return what the tokens cost, of models with a price; warn of those without one."""
        cost, unpriced = self._cost()
        if unpriced:
            warnings.warn(
                f"total_cost leaves out {', '.join(sorted(unpriced))}: pass what a million tokens "
                "cost, get_openai_callback(prices={'name': (input, output)}).",
                stacklevel=2,
            )
        return cost

    @property
    def unpriced_models(self) -> frozenset[str]:
        """Return the models that were used and have no price."""
        return self._cost()[1]

    def _cost(self) -> tuple[float, frozenset[str]]:
        costs = {name: cost_of(name, usage, self.prices) for name, usage in self.by_model.items()}
        unpriced = frozenset(name for name, cost in costs.items() if cost is None)
        return sum((cost for cost in costs.values() if cost is not None), 0.0), unpriced

    def __repr__(self) -> str:
        cost, unpriced = self._cost()
        lines: dict[str, Any] = {
            "Tokens Used": self.total_tokens,
            "    Prompt Tokens": self.prompt_tokens,
            "    Completion Tokens": self.completion_tokens,
            "Successful Requests": self.successful_requests,
            "Total Cost": f"{cost:.6g}",
        }
        if unpriced:
            lines["Total Cost"] += f", without {', '.join(sorted(unpriced))}, which have no price"
        return "\n".join(f"{name}: {value}" for name, value in lines.items())


@checks_keywords
def get_openai_callback(
    *, prices: Mapping[str, Price] | None = None
) -> AbstractContextManager[OpenAICallbackHandler, None]:
    """Count the tokens, and with prices the cost, of all models that run inside the block.

    Args:
        prices: what a million tokens of a model cost, by its name, as for `Budget`.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> reported = UsageMetadata(input_tokens=3000, output_tokens=200, total_tokens=3200)
        >>> model = ScriptedChatModel(["Ahoy!"], cycle=True, usage=reported)
        >>> with get_openai_callback(prices={"ScriptedChatModel": (2.0, 10.0)}) as callback:
        ...     answers = model.batch(["Hello", "Good morning"])
        >>> callback.total_tokens, callback.total_cost
        (6400, 0.016)
    """
    handler = OpenAICallbackHandler(prices=prices)
    return handling(lambda: handler)

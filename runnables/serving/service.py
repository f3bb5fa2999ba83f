"""What one server serves, within which limits, and what is open."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from runnables.compose.coerce import coerce_to_runnable
from runnables.core.bounds import check_seconds
from runnables.core.config import ensure_scope
from runnables.errors import ConfigError, did_you_mean
from runnables.serving.approvals import NO_ASKING, ApprovalSigner, Asking, approval_key
from runnables.serving.chat_input import conversation_to_input
from runnables.serving.failures import SHUTTING_DOWN, RequestError, logger
from runnables.serving.kept_runs import KeptCounts, KeptRuns, Resume
from runnables.serving.parts import Failure
from runnables.serving.protocols import ALL_PROTOCOLS, FOR_BROWSERS
from runnables.serving.recording import RunRecorder
from runnables.serving.running import ChainRun

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.core.config import RunnableConfig
    from runnables.messages.base import BaseMessage
    from runnables.serving.approvals import PageAnswers
    from runnables.serving.chat_input import ToInput
    from runnables.serving.protocols import ProtocolName

SETTABLE: Final = ("tags", "metadata", "run_name", "max_concurrency", "recursion_limit")
"""The keys of a config that a client may be allowed to set, beside `configurable`'s."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a server takes on.

    Attributes:
        max_body_bytes: the largest body of a request.
        max_runs: how many runs may be open at once; more are refused with 503.
        max_seconds: the longest time of one run; None: any.
        max_batch: how many inputs a batch may have.

    Example:
        >>> from runnables.serving import Limits
        >>> Limits(max_runs=8).max_runs
        8
    """

    max_body_bytes: int = 10_000_000
    max_runs: int = 1000
    max_seconds: float | None = 600.0
    max_batch: int = 1000

    def __post_init__(self) -> None:
        for name in ("max_body_bytes", "max_runs", "max_batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)!r}: expected 1 or more")
        if self.max_seconds is not None:
            check_seconds("max_seconds={}", self.max_seconds)


@dataclass(frozen=True)
class ServedChain:
    """A chain under its name.

    Attributes:
        name: the name: the model of OpenAI's clients.
        chain: the chain.
        to_input: makes its input of a conversation; None where that is not clear.
        why: why that is not clear, for the log.
    """

    name: str
    chain: Runnable[Any, Any]
    to_input: ToInput | None
    why: str = ""

    def input_of(self, messages: list[BaseMessage]) -> Any:
        """Return the input of the chain for a conversation.

        Raises:
            RequestError: it takes none, or there is no message in it.
        """
        if self.to_input is None:
            logger.warning("%s", self.why)
            raise RequestError(f"{self.name!r} takes no conversation.", 404, "no_conversation")
        if not messages:
            raise RequestError("The conversation has no message.")
        return self.to_input(messages)


def served(name: str, chain: Any, to_input: ToInput | None = None) -> ServedChain:
    """Return a chain as it is served.

    Raises:
        ConfigError: it is nothing that runs.
    """
    try:
        chain = coerce_to_runnable(chain)
    except TypeError as error:
        raise ConfigError(f"{name!r} cannot be served: {error}") from None
    if to_input is not None:
        return ServedChain(name, chain, to_input)
    try:
        return ServedChain(name, chain, conversation_to_input(chain))
    except ConfigError as error:
        return ServedChain(name, chain, None, str(error))


@dataclass
class Counts:
    """Plain counters of a server, since it has started.

    Attributes:
        runs: how many runs have begun.
        failed: how many of them have failed.
        left: how many were stopped because the client had left, or asked for it.
        refused: how many were refused, as too many were open.
        open: how many are open now.
    """

    runs: int = 0
    failed: int = 0
    left: int = 0
    refused: int = 0
    open: int = 0


class OpenRun(Protocol):
    """A run that is open, in whatever protocol its client speaks."""

    def stop(self, failure: Failure) -> None:
        """End it; its client reads this failure as the end."""


class Service:
    """The chains of a server, with their limits and counts.

    Args:
        chains: the chains by name.
        limits: what the server takes on.
        config_keys: the keys of a config that clients may set: of `SETTABLE`, and
            "configurable.NAME" for a configurable field; others are ignored.
        shows_errors: whether clients may read the text of errors, without the secrets in it.
        shows_steps: whether clients may see the runs inside a chain, with what they were given.
        keeps_runs: whether the last runs of each chain are kept; only with `shows_steps`.
        protocols: what it speaks.
        resume: how long runs go on without their readers; None: they stop at once.

    Attributes:
        chains: the chains by name.
        limits: what the server takes on.
        shows_steps: whether clients may see the runs inside a chain.
        recorders: what keeps the last runs, by the names of the chains; empty where none are kept.
        counts: the counters.
        kept: the runs that outlive their readers; None where none does.
        protocols: what it speaks.
        is_stopping: whether the server is shutting down.
    """

    def __init__(
        self,
        chains: Mapping[str, ServedChain],
        limits: Limits,
        *,
        config_keys: Iterable[str] = (),
        shows_errors: bool = False,
        shows_steps: bool = False,
        keeps_runs: bool = False,
        protocols: Collection[ProtocolName] = ALL_PROTOCOLS,
        resume: Resume | None = None,
    ) -> None:
        self.shows_steps = shows_steps
        self.chains = dict(chains)
        self.recorders = {
            name: RunRecorder(shows_errors=shows_errors)
            for name in (self.chains if keeps_runs and shows_steps else ())
        }
        self.limits = limits
        self.counts = Counts()
        self.is_stopping = False
        self._config_keys = _checked_keys(config_keys)
        self._shows_errors = shows_errors
        self._open: set[OpenRun] = set()
        self._approval_key = approval_key()
        self.protocols = frozenset(protocols)
        self.kept = None if resume is None else KeptRuns(resume, self)

    def chain(self, name: str) -> ServedChain:
        """Return the chain of a name.

        Raises:
            RequestError: there is none.
        """
        if (found := self.chains.get(name)) is not None:
            return found
        raise RequestError(f"There is no model {name[:100]!r} here.", 404, "model_not_found")

    def run(
        self,
        chain: Runnable[Any, Any],
        value: Any,
        config: RunnableConfig | None = None,
        *,
        given: int = 0,
        asking: Asking = NO_ASKING,
        shows_steps: bool = False,
        name: str = "",
    ) -> ChainRun:
        """Return a run of a chain, which has not begun.

        Args:
            chain: the chain.
            value: its input.
            config: the config of the call.
            given: how many messages the input has.
            asking: how it asks for approval, and what was answered.
            shows_steps: whether the runs inside are parts, where clients may see them.
            name: the name of the chain among whose last runs it is kept; "": it is not.
        """
        if (recorder := self.recorders.get(name)) is not None:
            handlers: Any = [recorder]
            config = ensure_scope(config).merged({"callbacks": handlers}).config
        return ChainRun(
            chain,
            value,
            config,
            given=given,
            asking=asking,
            shows_steps=shows_steps and self.shows_steps,
            shows_errors=self._shows_errors,
        )

    def asking(
        self, chain: ServedChain, messages: Sequence[BaseMessage], given: PageAnswers
    ) -> Asking:
        """Return how a run for a page asks for approval, and what the page has answered.

        Raises:
            RequestError: it approves what this server has not asked for.
        """
        signer = ApprovalSigner(self._approval_key, chain.name)
        return Asking(signer, signer.answers(messages, given))

    def asking_in_output(self) -> Asking:
        """Return how a run asks whose client has written its whole input, and reads its output."""
        return Asking(in_output=True, trusts_input=FOR_BROWSERS.isdisjoint(self.protocols))

    def config(self, given: Any) -> RunnableConfig:
        """Return of a config that a client has sent the keys that it may set.

        Raises:
            RequestError: one of them has a wrong value.
        """
        if not isinstance(given, dict):
            return {}
        fields = cast("dict[str, Any]", given)
        allowed: Any = {key: fields[key] for key in SETTABLE if self._may_set(key, fields)}
        values = fields.get("configurable")
        if isinstance(values, dict):
            inner = cast("dict[str, Any]", values)
            names = [key for key in inner if f"configurable.{key}" in self._config_keys]
            chosen = {name: inner[name] for name in names}
            if chosen:
                allowed["configurable"] = chosen
        try:
            ensure_scope(allowed)
        except (ConfigError, TypeError):  # TypeError: tags that are no strings
            raise RequestError("'config' has a wrong value.", 422, "invalid_config") from None
        return cast("RunnableConfig", allowed)

    def _may_set(self, key: str, fields: Mapping[str, Any]) -> bool:
        return key in self._config_keys and fields.get(key) is not None

    # -- what is open

    @property
    def max_seconds(self) -> float | None:
        """The longest time of one run; None: any."""
        return self.limits.max_seconds

    def begin(self, run: OpenRun) -> Failure | None:
        """Count a run that begins; return why it must not."""
        if self.is_stopping:
            return SHUTTING_DOWN
        if len(self._open) >= self.limits.max_runs:
            self.counts.refused += 1
            message = "Too many runs are open. Try again later."
            return Failure(message, 503, "overloaded", {"Retry-After": "1"})
        self._open.add(run)
        self.counts.runs += 1
        self.counts.open = len(self._open)
        return None

    def end(self, run: OpenRun, *, was_left: bool) -> None:
        """Count a run that has ended."""
        self._open.discard(run)
        self.counts.open = len(self._open)
        self.counts.left += was_left

    def count_failure(self) -> None:
        """Count a run that has failed."""
        self.counts.failed += 1

    def stop(self) -> None:
        """Refuse new runs, and end those that are open: their clients read why."""
        self.is_stopping = True
        for run in list(self._open):
            run.stop(SHUTTING_DOWN)

    async def shut_down(self) -> None:
        """Stop, and wait for the runs that no response waits for."""
        self.stop()
        if self.kept is not None:
            await self.kept.ended()

    def state(self) -> dict[str, Any]:
        """Return how the server is: its counters, and what is open."""
        kept = KeptCounts() if self.kept is None else self.kept.counts()
        return {
            "status": "stopping" if self.is_stopping else "ok",
            **asdict(self.counts),
            "streams": self.counts.open - kept.open + kept.readers,
            "detached": kept.detached,
            "kept": kept.kept,
        }


def _checked_keys(keys: Iterable[str]) -> frozenset[str]:
    if isinstance(keys, str):
        raise ConfigError(f"config_keys={keys!r}: expected a list of keys")
    chosen = frozenset(keys)
    for key in chosen:
        if key not in SETTABLE and not key.startswith("configurable."):
            raise ConfigError(
                f"config_keys: clients cannot be allowed to set {key!r}."
                f"{did_you_mean(key, SETTABLE)} Allowed: {', '.join(SETTABLE)}, and "
                "'configurable.NAME'."
            )
    return chosen

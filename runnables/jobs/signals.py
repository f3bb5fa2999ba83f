"""What the ends of calls tell about a service: its rate, its latency, and why it refuses."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.jobs.limits import LimitedCall

RATE_SECONDS: Final = 1.5
"""The rate is that of so many seconds, and of at least so many calls; tokens vary more."""

RATE_CALLS: Final = 30
RATE_CALLS_OF_TOKENS: Final = 100


class _Success(NamedTuple):
    at: float
    tokens: float


class SuccessRate:
    """How many calls, or tokens, a service has answered in a second lately.

    Attributes:
        mean_tokens: how many tokens a call takes, on average.
    """

    def __init__(self) -> None:
        self.mean_tokens = 0.0
        self._successes: deque[_Success] = deque(maxlen=4096)

    def add(self, now: float, tokens: float) -> None:
        """Count an answer."""
        self._successes.append(_Success(now, tokens))
        self.mean_tokens += (tokens - self.mean_tokens) / min(len(self._successes), 200)

    def measure(self, now: float, *, tokens: bool = False) -> float | None:
        """Return how many calls, or tokens, a second; None where too few were answered."""
        least = RATE_CALLS_OF_TOKENS if tokens else RATE_CALLS
        count, total, since = 0, 0.0, now
        for success in reversed(self._successes):
            if count >= least and success.at < now - RATE_SECONDS:
                break
            count, since = count + 1, success.at
            total += success.tokens if tokens else 1
        return total / max(now - since, 0.05) if count > 1 else None


GROUP: Final = (20, 60)
"""Of how many calls that start one after another the median is taken: half of those that may be in
flight, between these bounds."""

ENDED: Final = 0.8
"""The part of a group that has ended when its median is taken. The rest takes longer than that."""

SLOWER: Final = 1.5
"""From so many times the least median on, a limit does not grow."""

MUCH_SLOWER: Final = 3.0
"""From so many times on, it shrinks. (A limit that shrank at 1.5 times fell to one or two calls
where answers differ much in length.)"""

FORGETTING: Final = (1.004, 1.002)
"""What the least median is multiplied by with each further one, as services change; the second
while answers are slower: else a service that is too busy would soon count as a slow one."""


class _Group:
    """Calls that started one after another."""

    def __init__(self, size: int) -> None:
        self.missing = self.size = size
        self.latencies: list[float] = []


class LatencyTrend:
    """How long answers take, against how long they took at best.

    It compares medians of calls that *started* together. Of those that *end* together, the first
    are all short ones, as the long ones are still under way.

    Attributes:
        typical: the last median, in seconds; the mean before the first.
    """

    def __init__(self) -> None:
        self.typical = 0.0
        self._least: float | None = None
        self._filling = _Group(0)
        self._groups: dict[int, _Group] = {}

    @property
    def is_slower(self) -> bool:
        """Tell whether answers take so long that more calls at once would not help."""
        return self._least is not None and self.typical > SLOWER * self._least

    def started(self, call: LimitedCall, limit: float) -> None:
        """Count a call that starts.

        Args:
            call: the call.
            limit: how many calls may be in flight.
        """
        if not self._filling.missing:
            fewest, most = GROUP
            self._filling = _Group(max(fewest, min(most, int(limit / 2))))
        self._filling.missing -= 1
        self._groups[call.number] = self._filling

    def ended(self, call: LimitedCall, latency: float | None) -> bool:
        """Count the end of a call; tell whether it shows that the service has become much slower.

        Args:
            call: the call.
            latency: how many seconds its answer took; None where there was none.
        """
        group = self._groups.pop(call.number)
        if latency is None:
            group.size -= 1
        else:
            group.latencies.append(latency)
            if self._least is None:
                self.typical += (latency - self.typical) / len(group.latencies)
        if group.missing or not group.size or len(group.latencies) < ENDED * group.size:
            return False
        group.missing = -1  # once
        self._compare(sorted(group.latencies)[group.size // 2])
        return self._least is not None and self.typical > MUCH_SLOWER * self._least

    def _compare(self, median: float) -> None:
        forgetting = FORGETTING[self.is_slower]
        self.typical = median
        forgotten = median if self._least is None else self._least * forgetting
        self._least = max(min(median, forgotten), 1e-9)


COMPARED: Final = 3
"""How many refusals are compared, to tell a limit of calls at once from one of calls a second."""

SHARP: Final = 1.15
"""How far apart they may be, as a ratio: a limit of calls at once is one number."""

ABOVE: Final = 0.05
"""The part of the calls that may be accepted above it: services see the end of a call earlier."""

NO_ANSWER: Final = 0.05
"""The least seconds without a refusal after which a call counts as accepted."""


class Refusals:
    """The refusals that cut the limit, and whether they are about the number of calls at once.

    A service with a limit for calls at once takes every call below it, and refuses every call
    above. One with a limit for a time takes calls with more in flight than when it refused one.
    """

    def __init__(self) -> None:
        self._compared: deque[LimitedCall] = deque(maxlen=COMPARED)
        self._accepted: deque[LimitedCall] = deque(maxlen=1000)
        self._answered_after = 0.0

    @property
    def accepted_after(self) -> float:
        """Return the seconds after which a call that was not refused counts as accepted."""
        return max(3 * self._answered_after, NO_ANSWER)

    @property
    def is_sure(self) -> bool:
        """Tell whether so many refusals were compared that the conclusion is reliable."""
        return len(self._compared) == COMPARED

    def accepted(self, call: LimitedCall) -> None:
        """Count a call that was answered."""
        self._accepted.append(call)

    def refused(self, call: LimitedCall, live: Iterable[LimitedCall], now: float) -> None:
        """Note how soon a refusal came, and that it was not really in flight meanwhile.

        Args:
            call: the refused call.
            live: the calls in flight.
            now: the time, in seconds.
        """
        self._answered_after = max(now - call.begun, 0.9 * self._answered_after)
        for other in live:
            other.in_flight -= other.number > call.number

    def calls_at_once(
        self, refused: LimitedCall, live: Iterable[LimitedCall], now: float
    ) -> int | None:
        """Return the least number in flight that is refused; None where it is not about that.

        Args:
            refused: the call that was refused last.
            live: the calls in flight.
            now: the time, in seconds.
        """
        self._compared.append(refused)
        counts = [call.in_flight for call in self._compared]
        falls = self.is_sure and counts[0] > counts[1] > counts[2]
        if falls or max(counts) > SHARP * min(counts) + 1:
            return None
        since = self._compared[0].number
        pending = (call for call in live if now - call.begun > self.accepted_after)
        accepted = [call.in_flight for call in (*self._accepted, *pending) if call.number > since]
        above = sum(count >= min(counts) for count in accepted)
        return min(counts) if above < max(COMPARED, ABOVE * len(accepted)) else None

    def start_over(self) -> None:
        """Forget the refusals: the service has changed."""
        self._compared.clear()

"""What a simulated server has seen, for tests (as values) and for scrapers (as metrics)."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A moment's view."""

    requests: int
    """Chat completions that arrived."""
    open: int
    """Of them, how many are being answered now."""
    most_open: int
    """The most that were open at once."""
    aborted: int
    """Of them, how many the client gave up before it had the whole answer."""
    connections: int
    """Connections on which they came, told apart by the client's port."""
    faults: dict[str, int]
    """Faults that were done, by kind."""
    prompt_tokens: int
    cached_tokens: int
    """The part of ``prompt_tokens`` that was in the prefix cache."""
    completion_tokens: int


class Ledger:
    """Counts, and wakes who waits for a count."""

    def __init__(self) -> None:
        self.requests = self.open = self.most_open = self.aborted = self.connections = 0
        self.prompt_tokens = self.cached_tokens = self.completion_tokens = 0
        self.faults: Counter[str] = Counter()
        self.finished: Counter[str] = Counter()
        self._watchers: list[asyncio.Future[None]] = []

    def arrived(self) -> int:
        """A request came; its number."""
        self.requests += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self._tell()
        return self.requests

    def left(self, *, is_aborted: bool) -> None:
        """A request ended."""
        self.open -= 1
        self.aborted += is_aborted
        if is_aborted:
            self.finished["abort"] += 1
        self._tell()

    def answered(self, *, prompt: int, cached: int, completion: int, finish_reason: str) -> None:
        """An answer was made."""
        self.prompt_tokens += prompt
        self.cached_tokens += cached
        self.completion_tokens += completion
        self.finished[finish_reason] += 1

    def counts(self) -> Counts:
        """How it stands now."""
        return Counts(
            requests=self.requests,
            open=self.open,
            most_open=self.most_open,
            aborted=self.aborted,
            connections=self.connections,
            faults=dict(self.faults),
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            completion_tokens=self.completion_tokens,
        )

    async def until(self, reached: Callable[[Counts], bool]) -> Counts:
        """Wait for it; see :meth:`SimulatedModelServer.until`."""
        while not reached(counts := self.counts()):
            watcher = asyncio.get_running_loop().create_future()
            self._watchers.append(watcher)
            await watcher
        return counts

    def _tell(self) -> None:
        for watcher in self._watchers:
            if not watcher.done():
                watcher.set_result(None)
        self._watchers.clear()

    def metrics(self, model: str) -> str:
        """The counters under vLLM's names, in Prometheus' text format."""
        label = f'{{model_name="{model}"}}'
        values = {
            ("gauge", "vllm:num_requests_running"): self.open,
            ("counter", "vllm:prompt_tokens_total"): self.prompt_tokens,
            ("counter", "vllm:prompt_tokens_cached_total"): self.cached_tokens,
            ("counter", "vllm:generation_tokens_total"): self.completion_tokens,
            ("counter", "vllm:prefix_cache_queries_total"): self.prompt_tokens,
            ("counter", "vllm:prefix_cache_hits_total"): self.cached_tokens,
            ("counter", "simulated:requests_total"): self.requests,
            ("counter", "simulated:aborted_total"): self.aborted,
            ("counter", "simulated:connections_total"): self.connections,
            ("gauge", "simulated:most_open"): self.most_open,
        }
        lines = [f"# TYPE {name} {kind}\n{name}{label} {value}" for (kind, name), value in values.items()]
        lines.append("# TYPE vllm:request_success_total counter")
        for reason, count in sorted(self.finished.items()):
            lines.append(
                f'vllm:request_success_total{{model_name="{model}",finished_reason="{reason}"}} {count}'
            )
        lines.append("# TYPE simulated:faults_total counter")
        for kind, count in sorted(self.faults.items()):
            lines.append(f'simulated:faults_total{{kind="{kind}"}} {count}')
        return "\n".join(lines) + "\n"

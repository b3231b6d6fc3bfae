"""A prefix cache's bookkeeping, as vLLM does it: full blocks of 16 tokens, chained from the first token on."""

from swe_ai_fleet.models.simulated.request import TOKEN_CHARS

BLOCK_TOKENS = 16
_BLOCK_CHARS = BLOCK_TOKENS * TOKEN_CHARS
_CAPACITY = 200_000


class PrefixCache:
    """Which prompt prefixes were seen; the oldest half is forgotten when it is full."""

    def __init__(self) -> None:
        self._blocks: dict[int, None] = {}

    def take(self, prompt: str) -> int:
        """Remember the prompt; how many of its leading tokens were known already.

        The last token is never taken from the cache, for it has to be computed to answer.
        """
        chain, known, still_shared = 0, 0, True
        whole_blocks = (len(prompt) - 1) // _BLOCK_CHARS
        for start in range(0, whole_blocks * _BLOCK_CHARS, _BLOCK_CHARS):
            chain = hash((chain, prompt[start : start + _BLOCK_CHARS]))
            still_shared = still_shared and chain in self._blocks
            if still_shared:
                known += BLOCK_TOKENS
            else:
                self._blocks[chain] = None
        if len(self._blocks) > _CAPACITY:
            self._blocks = dict.fromkeys(list(self._blocks)[_CAPACITY // 2 :])
        return known

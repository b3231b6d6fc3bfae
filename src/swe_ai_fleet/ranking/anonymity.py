"""Names out of texts that are judged: who says of itself who it is gains nothing by it."""

import re

from swe_ai_fleet.domain.council import Council

_BLANK = "[name]"
_SHORTEST = 4


def nameless(text: str, council: Council) -> str:
    """The text without the ids of the council's agents and models, in whatever case they are written.

    A model's own part of its id counts only where it looks like one (a digit or a slash in it): "small" is a word.
    """
    names: set[str] = set()
    for agent in council.agents:
        names.add(agent.agent_id)
        for model in agent.model.split("|"):
            own = model.partition(":")[2]
            names |= {model, own} if re.search(r"[\d/]", own) and len(own) >= _SHORTEST else {model}
    longest_first = sorted((name for name in names if name), key=lambda name: (-len(name), name))
    if not longest_first:
        return text
    pattern = "|".join(re.escape(name) for name in longest_first)
    return re.sub(rf"(?<![\w-])(?:{pattern})(?![\w-])", _BLANK, text, flags=re.IGNORECASE)

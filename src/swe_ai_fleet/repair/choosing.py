"""Which of several plausible candidates is right, and how sure that is.

All of them pass every test that can see them, so the tests say no more. What speaks for one is

- the prior of its edit where it stands;
- *agreement*: on inputs mutated from those of the tests, answers that other candidates give too. Candidates that
  behave alike on all of them are one voice, as loud as the likeliest of them;
- *restraint*: where the unchanged code gives an answer at all, it is mostly the right one;
- *cure*: the failure's own exception is not met again where other candidates give an answer;
- what behaves like a mere deletion, or makes a condition that has one value in all tests, is suspected of having
  silenced the test (Qi et al., ISSTA 2015).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from swe_ai_fleet.repair.said import Behaviours
from swe_ai_fleet.repair.search import Plausible

_AGREEMENT = 2.0
"""In nats, between none and all."""
_CHANGED, _MOST_CHANGED = 0.12, 7.0
"""In nats: for each answer of the unchanged code that is another one now, and for all of them at most."""
_STILL_ILL, _MOST_ILL = 0.3, 6.0
"""The same for each input on which the failure's own exception is met again."""
_DELETION = 1.5
_ANSWERED = 0.3
"""Share of the candidates that must answer on an input; it is probably outside the function's domain otherwise."""
_OTHER = 0.1
"""Weight of the possibility that none of them is right."""
_DELETING = frozenset(
    {"operand dropped", "statement deleted", "nesting", "argument dropped", "unwrapped", "jump inserted"}
)

_Answers = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One candidate with what speaks for it."""

    plausible: Plausible
    p_best: float
    """Share of the weight of all that behave as it does, 0 to 1."""
    score: float
    """Log of the prior, less what its behaviour says against it; comparable between agents that saw the same inputs."""
    agreement: float
    restraint: float
    alike: int
    """Plausible candidates that behave as this one does on every input, itself included."""
    inputs: int
    """Inputs on which the candidates were compared and differ; 0 where that was not possible."""


def choose(
    plausible: Sequence[Plausible],
    seen: Behaviours | None,
    *,
    symptoms: frozenset[str] = frozenset(),
    idle: frozenset[int] = frozenset(),
) -> list[Choice]:
    """All of them, best first. Equal ones keep the order of their cost.

    ``symptoms``: type names of the exceptions with which the failing tests fail, ``time`` where they do not end.
    ``idle``: places of candidates whose changed condition has the same value whenever a test meets it.
    """
    ordered = sorted(plausible, key=lambda one: one.candidate.cost)
    comparison = _Comparison(ordered, [plausible.index(one) for one in ordered], seen, symptoms, idle)
    weights = {answers: comparison.weight(answers) for answers in comparison.groups}
    total = sum(weights.values()) + _OTHER * max(weights.values(), default=1.0)
    ranked: list[tuple[float, Choice]] = []
    for answers, members in comparison.groups.items():
        for one in members:
            choice = Choice(
                plausible=one,
                p_best=round(weights[answers] / total, 3),
                score=round(comparison.score(one), 3),
                agreement=round(comparison.agreement(answers), 3),
                restraint=round(comparison.restraint(answers), 3),
                alike=len(members),
                inputs=len(comparison.telling),
            )
            ranked.append((weights[answers] * (1 + _prior(one) / comparison.voices[answers]), choice))
    return [choice for _, choice in sorted(ranked, key=lambda pair: -pair[0])]


def _prior(one: Plausible) -> float:
    return math.exp(-one.candidate.cost)


@dataclass(slots=True)
class _Comparison:
    """Candidates grouped by what they answer on the inputs that tell them apart."""

    ordered: Sequence[Plausible]
    places: Sequence[int]
    """Of each, its place in what was observed."""
    seen: Behaviours | None
    symptoms: frozenset[str]
    idle: frozenset[int]
    telling: list[int] = field(init=False)
    groups: dict[_Answers, list[Plausible]] = field(init=False)
    voices: dict[_Answers, float] = field(init=False)

    def __post_init__(self) -> None:
        self.telling = [] if self.seen is None else _telling(self.seen, len(self.ordered))
        self.groups = {}
        for one, place in zip(self.ordered, self.places, strict=True):
            self.groups.setdefault(self._answers(place), []).append(one)
        self.voices = {a: max(_prior(one) for one in members) for a, members in self.groups.items()}

    def _answers(self, place: int) -> _Answers:
        """What a candidate does; one that could not be compared is alike to none."""
        if self.seen is None or place not in self.seen.outputs:
            return (f"candidate {place}",) if self.telling or self.seen is None else ()
        return tuple(self.seen.outputs[place][index] for index in self.telling)

    def score(self, one: Plausible) -> float:
        """What is known of one candidate without the others."""
        score = -one.candidate.cost - (_DELETION if self._deletes(one) else 0.0)
        place = self.places[self.ordered.index(one)]
        if self.seen is None or place not in self.seen.outputs:
            return score
        outputs = self.seen.outputs[place]
        ill = sum(output.startswith("!") and output[1:] in self.symptoms for output in outputs)
        before = self.seen.outputs.get(-1, ())
        answered = [(b, o) for b, o in zip(before, outputs, strict=False) if not b.startswith("!")]
        changed = sum(b != o for b, o in answered)
        score -= _MOST_ILL * ill / max(1, len(outputs))
        return score - _MOST_CHANGED * changed / max(1, len(answered))

    def weight(self, answers: _Answers) -> float:
        """How likely the group is right, up to a factor."""
        deletes = any(self._deletes(one) for one in self.groups[answers])
        score = math.log(self.voices[answers]) - (_DELETION if deletes else 0.0)
        score += _AGREEMENT * self.agreement(answers)
        score -= min(_MOST_CHANGED, _CHANGED * self._changed(answers))
        return math.exp(score - min(_MOST_ILL, _STILL_ILL * self._still_ill(answers)))

    def _deletes(self, one: Plausible) -> bool:
        """It takes something out, or makes a condition that decides nothing."""
        is_idle = self.places[self.ordered.index(one)] in self.idle
        return is_idle or bool(set(one.candidate.families) & _DELETING)

    def agreement(self, answers: _Answers) -> float:
        """Mean share, over the inputs, of the other voices that give the same answer; an exception is no answer."""
        others = [(o, voice) for o, voice in self.voices.items() if o != answers and len(o) == len(answers)]
        total = sum(voice for _, voice in others)
        if not others or not answers:
            return 0.0
        shares = [
            sum(voice for other, voice in others if other[place] == answer) / total
            for place, answer in enumerate(answers)
            if not answer.startswith("!")
        ]
        return sum(shares) / len(answers)

    def restraint(self, answers: _Answers) -> float:
        """Share of the answers of the unchanged code that stay as they are."""
        answered = self._answered()
        return 1 - self._changed(answers) / len(answered) if answered else 0.0

    def _answered(self) -> list[tuple[int, str]]:
        """Answers of the unchanged code on the inputs that tell the candidates apart."""
        if self.seen is None or -1 not in self.seen.outputs:
            return []
        before = [(place, self.seen.outputs[-1][index]) for place, index in enumerate(self.telling)]
        return [(place, answer) for place, answer in before if not answer.startswith("!")]

    def _changed(self, answers: _Answers) -> int:
        """How many answers of the unchanged code are other ones now."""
        if len(answers) != len(self.telling):
            return 0
        return sum(answers[place] != answer for place, answer in self._answered())

    def _still_ill(self, answers: _Answers) -> int:
        """On how many inputs the failure's own exception is met again."""
        met = (answer.removeprefix("!") for answer in answers if answer.startswith("!"))
        return sum(name in self.symptoms for name in met)


def _telling(seen: Behaviours, count: int) -> list[int]:
    """Inputs inside the function's domain, as far as the candidates can tell, on which they differ."""
    telling: list[int] = []
    for index in range(len(seen.from_passing)):
        answers = [outputs[index] for place, outputs in seen.outputs.items() if place >= 0]
        answered = sum(not answer.startswith("!") for answer in answers)
        if answered >= _ANSWERED * count and len(set(answers)) > 1:
            telling.append(index)
    return telling

"""A model server that is none: seeded, scriptable, faulty on demand; for tests and benchmarks only.

Whatever it answers says that it is simulated. It must never stand in for a model that a user asked for.
"""

from swe_ai_fleet.models.simulated.counts import Counts
from swe_ai_fleet.models.simulated.faults import Fault, FaultPlan
from swe_ai_fleet.models.simulated.request import ChatRequest, Reply
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.models.simulated.traits import Traits

__all__ = ["ChatRequest", "Counts", "Fault", "FaultPlan", "Reply", "SimulatedModelServer", "Traits"]

"""deploy/k8s/base/streams/streams.json, from the declaration in the code."""

import json

from swe_ai_fleet.messaging.streams import RETAINED, consumer_declarations, stream_declarations


def streams_json() -> str:
    """What the job ``declare-streams`` declares: streams first, then durable consumers.

    ``retained`` names the streams whose age the installation chooses, and how many days they stay beyond the events.
    """
    declared = {
        "streams": list(stream_declarations()),
        "retained": dict(RETAINED),
        "consumers": [{"stream": stream, "config": config} for stream, config in consumer_declarations()],
    }
    return json.dumps(declared, indent=2) + "\n"

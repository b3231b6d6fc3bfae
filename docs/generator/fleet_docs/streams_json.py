"""deploy/k8s/base/streams/streams.json, from the declaration in the code."""

import json

from swe_ai_fleet.messaging.streams import consumer_declarations, stream_declarations


def streams_json() -> str:
    """What the job ``declare-streams`` declares: streams first, then durable consumers."""
    declared = {
        "streams": list(stream_declarations()),
        "consumers": [{"stream": stream, "config": config} for stream, config in consumer_declarations()],
    }
    return json.dumps(declared, indent=2) + "\n"

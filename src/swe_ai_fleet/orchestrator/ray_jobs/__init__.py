"""What a Ray job imports: the actor and the use case."""

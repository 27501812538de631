"""Recording: rendering a request with the engine, and capturing a user's own pipeline call."""

"""Live sessions: one thread that owns the model, a connection for each speaker."""

"""Dead letter queues: what waits in them, why, and its way back to the connector, exactly once."""

"""What a run costs: CPU seconds, memory, and how far it is."""

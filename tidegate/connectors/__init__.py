"""The connectors that come with Tidegate, one package each."""

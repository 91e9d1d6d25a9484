"""Config providers: where ``${provider:path:key}`` references lead (KIP-297, KIP-421, KIP-887)."""

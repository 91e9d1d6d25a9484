"""Schema languages: parsing, canonical form, compatibility; pure, apart from running protoc."""

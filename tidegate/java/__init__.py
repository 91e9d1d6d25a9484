"""What Java's library does with text, for configurations and data made for it: numbers, dates, regular expressions."""

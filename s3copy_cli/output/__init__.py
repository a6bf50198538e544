"""What a person or a program sees: results on stdout, conversation on stderr."""

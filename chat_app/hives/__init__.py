"""HIVES: texts as unit vectors in which the values' hierarchy and direction can be read."""

"""Conversations of other programs: read into one form, then stored or scored."""

"""The use-cases that every door (page, command line) offers; start reading at ``send``."""

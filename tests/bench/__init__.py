"""Measurements that print numbers: ``python -m tests.bench.NAME``."""

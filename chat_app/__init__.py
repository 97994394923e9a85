"""Valueflow Chat: a private chat steered by value and by intensity, with the result measured."""

__version__ = "0.1.0"

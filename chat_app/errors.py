"""The one error hierarchy: each message is a sentence for the person who reads it."""


class ValueflowError(Exception):
    """What went wrong with what, and what to do about it, in one sentence.

    Every door (command line, page, API) shows ``str(error)`` and nothing else.
    """

"""Into the formats of other tools, and out of them: one file a format, one function each way.

``to_FORMAT(thing, path)`` writes, or returns the other tool's object, and ``from_FORMAT(path)`` reads; each
docstring says what the format cannot hold. Libraries of a format are extras, imported when they are needed.
"""

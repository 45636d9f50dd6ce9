"""The one exception of this package: bytes or texts that the rules refuse, with the reason."""


class Refused(ValueError):
    """Not allowed by the rules. The message says what was found."""

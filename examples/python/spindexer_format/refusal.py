"""The one exception of this package: bytes or texts that the rules refuse, with the reason."""


class Refused(ValueError):
    """Not allowed by the rules. The message says what was found.

    `reason` is a short code as `spindexer status` shows it, or empty where the place at which it is caught says enough.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason

"""What is said of a file that is not loaded."""


class Refused(Exception):
    """A file holds what it should not; the message is "expected ..., got ...", for the caller's own error."""

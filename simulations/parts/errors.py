"""What may be wrong with results."""

from corticalnet.errors import CorticalnetError


class ResultsError(CorticalnetError):
    """Results, or a page that shows them, are not as they should be."""

"""gentutor: the support package of the course. One idea a module; nothing here that a notebook has not built first."""

__version__ = "0.1.0"

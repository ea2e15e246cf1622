"""What this package is, for everything that writes it down: its version, and where it lies."""

from pathlib import Path

VERSION = "0.1.0"
FOLDER = Path(__file__).resolve().parent

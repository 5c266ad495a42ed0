"""Lets these tests use the kits of the rooms before them."""

import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path.extend(str(_TESTS / room) for room in ("sandbox", "scoring", "batches") if str(_TESTS / room) not in sys.path)

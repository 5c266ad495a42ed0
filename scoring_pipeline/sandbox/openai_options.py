"""How one sandbox behaves: speed, durations, limits, scenario.

What belongs here: the options and their defaults. What does not: what a scenario may say (`openai_faults.py`).
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class SandboxOptions(BaseModel):
    """Options of one run of the sandbox. Seconds are virtual: `speed` of them pass in one real second."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    speed: float = Field(default=1.0, gt=0, description="virtual seconds in a real second")
    batch_seconds: float = Field(default=1.0, ge=0, description="from create to completed, when nothing goes wrong")
    scenario: Path | None = Field(default=None, description="YAML or JSON file of faults")
    exact_tokens: bool = Field(default=False, description="count tokens with the o200k tables instead of estimating")
    max_requests: int = Field(default=50_000, ge=1, description="lines of one batch file")
    max_file_bytes: int = Field(default=200_000_000, ge=1, description="bytes of one batch file")
    chunk_requests: int = Field(default=1000, ge=1, description="rows answered in one transaction")

"""A batch as a job: its limits, its prices, and what it will cost."""

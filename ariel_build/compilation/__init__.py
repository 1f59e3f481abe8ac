"""One compilation: the job, its plan, its result."""

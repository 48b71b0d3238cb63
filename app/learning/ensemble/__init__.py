"""Many trainings of one architecture as one batched program."""

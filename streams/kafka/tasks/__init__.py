"""The stages as tasks of a worker: records in, records out, one task for each partition of its input.

A task has no clock, no broker and no store; it is a function of the records it was given, in their order. So
one that starts again from a saved state says what the one before it said, and those who listen drop what
they know (`streams.kafka.stretches`). Tests run whole clusters of tasks in one process.
"""

from streams.kafka.tasks.accounts import AccountsTask
from streams.kafka.tasks.cases import CasesTask
from streams.kafka.tasks.pairs import PairsTask
from streams.kafka.tasks.subjects import SubjectsTask

__all__ = ["INPUTS", "AccountsTask", "CasesTask", "PairsTask", "SubjectsTask", "Task"]

Task = AccountsTask | SubjectsTask | PairsTask | CasesTask

INPUTS = {
    "posts": "accounts",
    "signals": "subjects",
    "ties": "pairs",
    "findings": "cases",
    "background": "cases",
}
"""Which stage reads which topic."""

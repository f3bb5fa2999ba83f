"""Benchmarks of the library, against a floor and a peer: `python -m benchmarks`.

Every row has three subjects, which are measured in turns in the same run: the floor (plain Python
that does the same), the peer (langchain-core, where it is installed), and this library. The budgets
are ratios to the floor.
"""

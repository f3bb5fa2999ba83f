"""Measures the library against a floor and a peer: `python -m benchmarks`.

Every row has three subjects, measured in turns in the same run: the floor (plain Python that does
the same), the peer (langchain-core, where it is installed) and ours. What counts is the ratio.
"""

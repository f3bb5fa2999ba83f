"""Batch jobs whose rows run in other processes, on this machine and on others.

    driver    pulls rows, makes chunks of them, sends these, stores and counts what comes back
    engine    what brings chunks to processes and back: Dask, Ray, an executor of concurrent.futures
    worker    in each process: loads the chain once, and runs the rows of a chunk

`engines.py` is the seam: what an engine is to do, and what it can rely on.
"""

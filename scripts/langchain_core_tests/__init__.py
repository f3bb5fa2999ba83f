"""langchain-core's own unit tests, run on Runnables: how far people's code carries over.

None of their text is kept here: `python -m scripts.langchain_core_tests FOLDER` takes the folder
of an unpacked source distribution of langchain-core, and changes its imports in a copy.
"""

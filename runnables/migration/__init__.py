"""Code for LangChain is rewritten to ours: its imports, and keywords that are spelled otherwise.

The table of names is `names.py`. The rest needs the extra `migrate`.
"""

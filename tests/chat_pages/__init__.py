"""The examples of chat pages, in real pages; see `tests/chat_pages/__main__.py`."""

"""Code for LangChain becomes ours."""

"""The laws of section 1 of the design, one file each, over one list of runnables (`registry`)."""

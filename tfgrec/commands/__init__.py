"""The commands that people run; each is thin, its work is done by the library."""

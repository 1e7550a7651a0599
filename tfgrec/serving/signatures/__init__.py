"""What an export answers: its signatures, made in one place (`all_signatures.make_signatures`), one a module.

`request_columns` and `request_graph` are how all of them read requests.
"""

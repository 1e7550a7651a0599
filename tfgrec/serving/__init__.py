"""What an export answers: its signatures, made in one place (`signatures.make_signatures`), one a module.

docs/serving.md says how they are asked. `request_columns` and `request_graph` are how all of them read requests.
"""

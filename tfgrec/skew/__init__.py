"""Whether what is served is what was trained on, is what it was yesterday, and is what the next model will answer.

`request_skew` compares requests with what is made of them now, `score_drift` the scores of two models; `limits` says
what of it is too much.
"""

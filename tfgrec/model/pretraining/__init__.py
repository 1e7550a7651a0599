"""What an encoder can be pre-trained on besides the auto-encoder: telling a user's held-out items from others'.

Start at `link_prediction.LinkPrediction`.
"""

"""The graph encoder: initial states, rounds of message passing, and the projection that the losses share."""

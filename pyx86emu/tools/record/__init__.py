"""Recording: what came from outside, when, and how to run it again, forwards and backwards."""

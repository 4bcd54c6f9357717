"""OKX v5 as the local exchange speaks it: spot and linear perpetual swaps, over REST and WebSockets."""

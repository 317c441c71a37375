"""How well load balancers keep away from a bad host: latency and errors of every policy beside those of the peers."""

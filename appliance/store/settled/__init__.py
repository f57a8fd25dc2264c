"""What events need beside their rows, written behind them: identities, cells, exact counters and their sums."""

"""What the forecast keeps: slices, runs, parameters, scores, and the backtests that judge it."""

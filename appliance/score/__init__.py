"""Numbers become judgement: risk, levels, anomalies."""

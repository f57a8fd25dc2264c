"""The Things Stack v3: uplinks and what else its application server tells."""

"""The appliance: what the box keeps, computes and serves."""

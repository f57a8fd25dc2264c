"""Sparkplug B: births, data and deaths of edge nodes, in protobuf and JSON."""

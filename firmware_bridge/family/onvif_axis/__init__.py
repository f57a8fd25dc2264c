"""ONVIF and Axis: notices, counts and scenes of cameras."""

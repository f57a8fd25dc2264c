"""How firmware writes things down: times, numbers, units, paths into JSON, XML, protobuf, NMEA."""

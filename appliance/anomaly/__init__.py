"""What is out of the ordinary: series judged value by value, counts of cells against their baseline, devices."""

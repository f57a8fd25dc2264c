"""What devices are asked: commands in the words of each family, and waves of firmware updates; pure cores."""

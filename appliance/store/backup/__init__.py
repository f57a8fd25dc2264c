"""Copies of the store and of what a new box needs beside it: taken, checked, listed, put back."""

"""The supervisor of `hexpost run`: the parts and the broker as child processes, and what is shown of them."""

"""What things are: frozen Structs, named as the field names them."""

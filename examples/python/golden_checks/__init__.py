"""How each file of vectors is checked."""

"""What a list is to one reader: interests fitted, papers scored by them, the page for me."""

"""What the cinema services truly have in common; it knows none of them."""

"""Pictures of the shipped body, and what the shipped detector sees in them."""

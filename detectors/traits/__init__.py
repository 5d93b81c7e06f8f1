"""What the accounts of a group have in common. One file a trait."""

"""What people see in a terminal: readable at 80 columns, without colour, and through a pipe."""

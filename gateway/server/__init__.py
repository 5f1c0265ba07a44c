"""The processes that serve: one, or several workers below a supervisor; and how each treats its connections."""

"""Files of stock that are brought in: their columns and rows, the jobs they become, and who works on those."""

"""The root fields that read, by noun. Each says which rows; the compiler makes one SQL statement of it."""

"""DOS programs without DOS: load a program, serve its INT 21h from the host (docs/DOS.md)."""

"""Graded exercises in assembly: a teacher's tests, and the programs of two students."""

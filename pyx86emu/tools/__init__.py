"""Tools: programs that use machines. They never import each other."""

"""Tools: programs about machines. They never import each other."""

"""What is published: wheel, sdist and crates."""

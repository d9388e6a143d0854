"""A model on one page: a self-contained HTML file to look at."""

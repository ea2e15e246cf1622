"""What simulations share: a command line, models written by hand to compare with, tables and figures."""

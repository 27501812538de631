"""Look for the next good picture: sweep, vary, blend, compare."""

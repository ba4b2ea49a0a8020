"""
One module per command: a function of plain values that returns the exit code.
"""

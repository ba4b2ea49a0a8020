"""
Recorders for agent frameworks; each subpackage needs the extra of its name.
"""

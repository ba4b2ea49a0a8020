"""
Placeholder.
"""

"""
The reports, by what they are about.
"""

"""
A small multi-agent program, its scripted model server, and a tour of what it leaves.
"""

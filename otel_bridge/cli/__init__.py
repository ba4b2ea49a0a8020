"""
The command line, `otel-bridge`.
"""

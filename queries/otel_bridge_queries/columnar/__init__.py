"""
The columnar cache: what reports read, as Parquet beside the database, exact at every moment.
"""

"""Runs and series as columns, for pandas, Polars, Arrow, CSV, JSON and Parquet."""

"""Files of tables: CSV, JSON lines and Parquet, from bytes to columns of cells."""

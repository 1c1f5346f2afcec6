"""Files of tables: CSV, Excel, JSON and Parquet, from bytes to columns of cells."""

"""Reading texts: columns of tables, lines of JSON, folders and files of text."""

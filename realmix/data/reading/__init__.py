"""From a name, a folder, a table or arrays to one `Dataset`."""

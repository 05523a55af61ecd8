"""The SQLite database: connection, schema, reading and writing of rows."""

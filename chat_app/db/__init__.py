"""The database: tables, how it is opened, and plain queries on it."""

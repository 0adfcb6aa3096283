"""Utilities that know nothing of the field: files, checksums, folders, schema, store, tables, threads, progress."""

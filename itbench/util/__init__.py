"""Files, folders, threads, tables, progress: what knows nothing of the field."""

"""From files, hubs and built-in sources to batches: everything between a user's records and a `RecordBatch`."""

"""Lakes on servers: catalogs in schemas of a Postgres database, data in buckets of an object store."""

"""The rights of contracts on servers: roles and policies in Postgres, policies of the object store."""

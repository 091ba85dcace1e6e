"""The makers of products: functions, Components in YAML and SQL, and dbt models; all that looks for them."""

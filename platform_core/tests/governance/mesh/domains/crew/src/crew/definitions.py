from platform_core import domain_definitions

defs = domain_definitions("crew")

{# A model goes to the schema it names: dbt alone would put the profile's schema in front of it. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema if custom_schema_name is none else custom_schema_name | trim }}
{%- endmacro %}

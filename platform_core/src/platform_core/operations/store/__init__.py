"""The one owner of the tables of incidents and messages."""

"""The lakes of this machine, and its folders for work on any lake."""

"""The effect of a change on the mesh, before it is made: plan, impact and lineage by column."""

"""No tables of its own: this module exists so that Django sends `post_migrate` for this room."""

"""Looking at a script before it runs: what it would do to a database that people use. Pure."""

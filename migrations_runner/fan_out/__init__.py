"""A script that runs once for each row of a query, each row in a transaction of its own."""

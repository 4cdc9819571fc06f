"""Every verb that changes a flag, and what is published of it."""

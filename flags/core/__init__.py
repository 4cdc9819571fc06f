"""What a flag answers, and why: values in, values out. Pure."""

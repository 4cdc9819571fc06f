"""From the code that names a flag to the day it can go."""

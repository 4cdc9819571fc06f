"""The screens of flags in the admin."""

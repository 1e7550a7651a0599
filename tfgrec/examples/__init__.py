"""Configurations and schemas that come with tfgrec: in a checkout, links to configs/ and schemas/."""

"""Makes the apps and worlds that lie here importable in the folders below."""

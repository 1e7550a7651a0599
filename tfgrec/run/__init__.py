"""A run's folder: what lies where, who may write there, and which stages have been done from what."""

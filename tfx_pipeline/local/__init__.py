"""The pipeline on this machine: its runs, what ML Metadata knows of them, their pages, and what is removed of them."""

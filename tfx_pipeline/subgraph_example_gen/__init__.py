"""SubgraphExampleGen: a graph store and logs of requests -> examples."""

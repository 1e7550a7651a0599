"""Item factors: what users' outcomes say of items, refitted as time goes on."""

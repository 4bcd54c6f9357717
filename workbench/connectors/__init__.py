"""The doors to venues: simulated, replayed, on paper. They know no strategy and no database."""

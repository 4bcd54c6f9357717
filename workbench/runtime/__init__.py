"""What makes a run: configuration, releases, the session and its plumbing, and the composition root."""

"""What a run is made of: the working tree, parameters, data, environment."""

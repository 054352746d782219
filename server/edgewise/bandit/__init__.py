"""The contextual bandit: features, models, exploration and the draw."""

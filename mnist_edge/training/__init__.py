"""Training in Keras: the recipes, augmentation, the loop, the published model."""

"""Victims: the models that are trained on published images and then audited."""

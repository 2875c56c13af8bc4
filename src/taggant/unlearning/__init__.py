"""Unlearning methods: what is done to a trained victim to make it forget."""
